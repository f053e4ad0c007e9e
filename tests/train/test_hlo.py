"""Costs of compiled programs, against counts by hand: loops, fused convolutions, collectives in parts, slices."""

import jax
import jax.numpy as jnp
import pytest

from eft_jax.train import hlo
from eft_jax.train.hlo import Collective


def compiled(function, *shapes):
  return hlo.parse(jax.jit(function).lower(*(jax.ShapeDtypeStruct(s, jnp.float32) for s in shapes)).compile().as_text())


def test_matmuls_of_a_scan_count_once_per_step():
  def run(x, weights):
    return jax.lax.scan(lambda x, w: (jnp.tanh(x @ w), None), x, weights)[0]
  costs = hlo.costs(compiled(run, (128, 256), (40, 256, 256)))
  assert costs.flops == 40 * 2 * 128 * 256 * 256 and costs.dynamic == 0 and not costs.collectives
  # A step reads one matrix of the stack (and copies it, on CPU); the stack in every step would be 40 times the stack.
  stack = 40 * 256 * 256 * 4
  assert stack < costs.bytes < 6 * stack


def test_loops_that_data_ends_take_the_given_count():
  def run(x, w, steps):
    return jax.lax.fori_loop(0, steps.astype(jnp.int32), lambda _, x: x @ w, x)
  program = compiled(run, (64, 128), (128, 128), ())
  assert hlo.costs(program).dynamic == 1
  assert hlo.costs(program, 5).flops == 5 * hlo.costs(program, 1).flops == 5 * 2 * 64 * 128 * 128


TPU = """HloModule jit_step, is_scheduled=true

%add (a: f32[], b: f32[]) -> f32[] {
  %a = f32[] parameter(0)
  %b = f32[] parameter(1)
  ROOT %sum = f32[]{:T(128)} add(%a, %b)
}

%part_of_gather (p: bf16[16,64], x: bf16[8,32,16], w: bf16[8,64,16]) -> f32[8,32,64] {
  %p = bf16[16,64]{1,0} parameter(0)
  %x = bf16[8,32,16]{2,1,0} parameter(1)
  %w = bf16[8,64,16]{2,1,0} parameter(2)
  %ag = bf16[64,64]{1,0:T(8,128)(2,1)} all-gather(%p), channel_id=3, replica_groups=[2,4]<=[8], dimensions={0}
  ROOT %conv = f32[8,32,64]{2,1,0:T(8,128)} convolution(%x, %w), window={size=8 stride=7 lhs_dilate=8}, DIMS
}

%cut (stack: f32[6,32,64], at: s32[]) -> f32[1,32,64] {
  %stack = f32[6,32,64]{2,1,0} parameter(0)
  %at = s32[] parameter(1)
  %zero = s32[] constant(0)
  ROOT %slice = f32[1,32,64]{2,1,0} dynamic-slice(%stack, %at, %zero, %zero), dynamic_slice_sizes={1,32,64}
}

%body (state: (s32[], f32[6,32,64], bf16[16,64], bf16[8,32,16], bf16[8,64,16])) -> (s32[], f32[6,32,64]) {
  %state = (s32[], f32[6,32,64]{2,1,0}, bf16[16,64]{1,0}, /*index=3*/bf16[8,32,16]{2,1,0}) parameter(0)
  %i = s32[] get-tuple-element(%state), index=0
  %all = f32[6,32,64]{2,1,0:T(8,128)} get-tuple-element(%state), index=1
  %p = bf16[16,64]{1,0} get-tuple-element(%state), index=2
  %x = bf16[8,32,16]{2,1,0:T(8,128)(2,1)S(1)} get-tuple-element(%state), index=3
  %w = bf16[8,64,16]{2,1,0:T(8,128)(2,1)S(1)} get-tuple-element(%state), index=4
  %one = f32[1,32,64]{2,1,0:T(8,128)S(1)} fusion(%all, %i), kind=kLoop, calls=%cut
  %f1 = f32[8,32,64]{2,1,0:T(8,128)S(1)} fusion(%p, %x, %w), kind=kOutput, calls=%part_of_gather
  %kernel = f32[8,128]{1,0:T(8,128)S(1)} custom-call(%x), custom_call_target="tpu_custom_call", kernel_metadata={{
"blocks":"{\\"block_q\\": 512}"
}}, metadata={op_name="splash"}
  %again = bf16[64,64]{1,0} all-gather(%p), channel_id=3, replica_groups=[2,4]<=[8], dimensions={0}
  %ar = f32[1,32,64]{2,1,0} all-reduce(%one), channel_id=4, replica_groups=mesh['a'=2,'b'=4] {'a','b'}, to_apply=%add
  ROOT %out = (s32[], f32[6,32,64]{2,1,0}) tuple(%i, %all)
}

%condition (state.1: (s32[], f32[6,32,64])) -> pred[] {
  %bound = s32[]{:T(128)} constant(6)
  %state.1 = (s32[]{:T(128)}, f32[6,32,64]{2,1,0}) parameter(0)
  %i.1 = s32[]{:T(128)} get-tuple-element(%state.1), index=0
  ROOT %less = pred[]{:T(512)} compare(%i.1, %bound), direction=LT
}

ENTRY %main (start: f32[6,32,64]) -> f32[6,32,64] {
  %start = f32[6,32,64]{2,1,0} parameter(0)
  %first = s32[]{:T(128)} constant(2)
  %tuple = (s32[]{:T(128)}, f32[6,32,64]{2,1,0}) tuple(%first, %start)
  %loop = (s32[]{:T(128)}, f32[6,32,64]{2,1,0}) while(%tuple), condition=%condition, body=%body
  ROOT %end = f32[6,32,64]{2,1,0} get-tuple-element(%loop), index=1
}
""".replace("DIMS", "dim_labels=0bf_0oi->0bf")


def test_a_program_of_the_tpu_compiler_by_hand():
  costs = hlo.costs(hlo.parse(TPU))
  trips = 6 - 2
  assert costs.unread == {"kernel": trips}  # its attributes run over several lines
  # Eight batched products of [32, 16] and [16, 64], written as one dilated convolution.
  assert costs.flops == trips * 8 * 2 * 32 * 16 * 64
  # The gather is in the text twice, as parts of one: it counts once.
  assert costs.collectives == {Collective("all-gather", 64 * 64 * 2, 4): trips,
                               Collective("all-reduce", 32 * 64 * 4, 8): trips}
  # The slice and its place; p for both parts of the gather, the second's output; what is reduced. S(1) is on the chip.
  assert costs.bytes == trips * (32 * 64 * 4 + 4 + 2 * 16 * 64 * 2 + 64 * 64 * 2 + 32 * 64 * 4)


@pytest.mark.parametrize("text, ways", [
    ("replica_groups={{0,1,2},{3,4,5}}", 3), ("replica_groups=[16,16]<=[256]", 16),
    ("replica_groups=mesh['axis_0'=1,'axis_1'=256] {'axis_1'}", 256), ("", 1),
    ("source_target_pairs={{0,1},{1,0}}", 2)])
def test_groups_in_every_notation(text, ways):
  assert hlo.group_size(text) == ways
