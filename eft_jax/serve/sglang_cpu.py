"""SGLang's own server on a machine without a GPU: python sglang_cpu.py SGLANG-FLAGS, in an environment of SGLang's.

SGLang 0.5.23 runs on a CPU once its imports succeed. Two packages it imports exist only as CUDA builds; what it needs
of them before the first request is a handful of names, declared here. None of them is called for a text model with
`--attention-backend torch_native`; one that were would say its name. SGLang itself is not changed.

This file imports nothing of eft_jax: see launch/sglang_requirements.txt for the environment it runs in.
SGLang spawns its scheduler and its detokenizer, and each imports this file anew: the declarations stand outside of
`if __name__ == "__main__"`.
"""

import functools
import os
import sys
import types

_HERE = os.path.dirname(os.path.abspath(__file__))
# The files beside this one have names of well-known packages (requests.py): they are not to be found by `import`.
sys.path[:] = [folder for folder in sys.path if os.path.abspath(folder or os.getcwd()) != _HERE]

import torch

# Imported by name when SGLang's modules load on a CPU; they are of speculative decoding and of moving caches.
KERNELS = (
    "assign_draft_cache_locs_contiguous_cpu", "assign_extend_cache_locs_cpu", "assign_req_to_token_pool_cpu",
    "build_tree_kernel_efficient_cpu", "copy_all_layer_kv_cache_cpu", "fill_accept_out_cache_loc_cpu",
    "fill_bonus_tokens_cpu", "verify_tree_greedy_cpu",
)
# Operators that torchvision's Python code refers to and that its CUDA extension would register.
OPERATORS = {name: f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor" for name in ("nms", "qnms")}
# Constructors that take pin_memory, as SGLang's adapters use them.
CONSTRUCTORS = ("arange", "empty", "empty_like", "full", "full_like", "ones", "ones_like", "tensor", "zeros",
                "zeros_like")


def declare_torchvision() -> torch.library.Library:
  """Its two operators, without code; they live as long as the returned library."""
  library = torch.library.Library("torchvision", "FRAGMENT")
  for name, schema in OPERATORS.items():
    if not hasattr(torch.ops.torchvision, name):
      library.define(schema)
  return library


def declare_kernels() -> None:
  """A module sgl_kernel whose functions raise, where the real one (CUDA wheels only) is not installed."""
  def missing(name):
    def kernel(*_, **__):
      raise NotImplementedError(f"sgl_kernel.{name} exists for GPUs only, and this SGLang runs on a CPU.")
    return kernel

  module = types.ModuleType("sgl_kernel", "Declared by eft_jax: the real package needs CUDA.")
  for name in KERNELS:
    setattr(module, name, missing(name))
  sys.modules.setdefault("sgl_kernel", module)


def ignore_pinning() -> None:
  """Pinned memory speeds up copies to a GPU; a torch without CUDA refuses it, and SGLang's adapters ask always."""
  def unpinned(constructor):
    @functools.wraps(constructor)
    def construct(*args, pin_memory=False, **kwargs):
      del pin_memory
      return constructor(*args, **kwargs)
    return construct

  for name in CONSTRUCTORS:
    setattr(torch, name, unpinned(getattr(torch, name)))
  torch.Tensor.pin_memory = lambda self, *_, **__: self


if torch.cuda.is_available():
  sys.exit("error: this machine has a GPU: start SGLang itself there, python -m sglang.launch_server.")
_library = declare_torchvision()
declare_kernels()
ignore_pinning()


def main() -> None:
  """SGLang's entry point with the flags of the command line; its processes end with it."""
  from sglang.launch_server import run_server
  from sglang.srt.server_args import prepare_server_args
  from sglang.srt.utils import kill_process_tree
  try:
    run_server(prepare_server_args(sys.argv[1:]))
  finally:
    kill_process_tree(os.getpid(), include_parent=False)


if __name__ == "__main__":
  main()
