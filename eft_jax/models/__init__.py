"""Decoders as pure functions of (config, params): params are a plain pytree of arrays, stacked over layers."""

from eft_jax.models import cache, flops, lora, peft, sharding
from eft_jax.models.cache import Cache, copy_slots, decode, init_cache
from eft_jax.models.config import DeltaConfig, ModelConfig, tiny
from eft_jax.models.decoder import Decoder, hidden, logits
from eft_jax.models.hf import export_hf
from eft_jax.models.load import Loaded, load
from eft_jax.models.logprobs import token_logprobs, token_scores
from eft_jax.models.peft import export_peft
from eft_jax.models.presets import PRESETS, preset
from eft_jax.models.specs import abstract, count_params, init, stack, unstack

__all__ = [
    "Cache", "Decoder", "DeltaConfig", "Loaded", "ModelConfig", "PRESETS", "abstract", "cache", "copy_slots",
    "count_params", "decode", "export_hf", "export_peft", "flops", "hidden", "init", "init_cache", "load", "logits",
    "lora", "peft", "preset", "sharding", "stack", "tiny", "token_logprobs", "token_scores", "unstack",
]
