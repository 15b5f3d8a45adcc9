"""Compiled networks are kept where the user keeps such things, or where JAX was told."""

from smlnet_jax import compilation
from smlnet_jax.compilation import keep_compilations


def test_compilations_are_kept_where_xdg_says_unless_jax_was_told(monkeypatch, tmp_path):
    told = {}

    class Config:
        jax_compilation_cache_dir = None

        def update(self, key, value):
            told[key] = value

    monkeypatch.setattr(compilation.jax, "config", Config())
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    keep_compilations()
    assert told == {"jax_compilation_cache_dir": str(tmp_path / "smlnet_jax" / "xla")}
    told.clear()
    monkeypatch.setattr(Config, "jax_compilation_cache_dir", "elsewhere")
    keep_compilations()
    assert told == {}
