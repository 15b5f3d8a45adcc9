"""SMLNet: spatial-frequency multi-scale face super-resolution in JAX and Flax."""

from smlnet_jax.models import Model, ModelConfig, Output, create

__all__ = ["Model", "ModelConfig", "Output", "create"]
__version__ = "0.1.0"
