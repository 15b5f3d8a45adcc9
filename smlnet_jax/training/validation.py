"""How good the averaged weights are, while they are still being trained."""

from __future__ import annotations

from pathlib import Path

from smlnet_jax.config import Config
from smlnet_jax.data.sources import ImageSource
from smlnet_jax.errors import UserError
from smlnet_jax.evaluation.evaluate import evaluate
from smlnet_jax.evaluation.figures import sample_grid
from smlnet_jax.evaluation.run import captions
from smlnet_jax.models import Model, Params

PROTOCOL = "sparnet"
BEST = f"val/psnr_{PROTOCOL}"  # the metric by which a checkpoint is the best


def validate(
    model: Model, params: Params, source: ImageSource, config: Config, picture: Path | None
) -> dict[str, float]:
    """Mean PSNR (dB) and SSIM over the validation images, with bicubic's PSNR to compare; under an ambient
    mesh, over all of its devices. `picture` is where the comparison of the first faces goes, None = nowhere.
    """
    results = evaluate(
        model,
        params,
        {"val": source},
        scale=config.data.scale,
        lr_kernel=config.data.lr_kernel,
        protocols=(PROTOCOL,),
        batch_size=config.eval.batch_size,
        limit=config.train.val_images,
        samples=config.eval.grid_images,
    )
    found = results.datasets["val"]
    if picture is not None and found.samples:
        try:
            sample_grid(found.samples, picture, captions(found))
        except OSError as error:
            raise UserError(
                f"cannot write {picture} ({error.strerror}); free some space and start the same command again"
            ) from error
    psnr, ssim = found.mean(PROTOCOL)
    bicubic, _ = found.mean(PROTOCOL, "bicubic")
    return {BEST: psnr, f"val/ssim_{PROTOCOL}": ssim, f"val/bicubic_psnr_{PROTOCOL}": bicubic}


def scores_in_words(step: int, scores: dict[str, float]) -> str:
    """The line a run prints of its validation."""
    psnr, bicubic = scores[BEST], scores[f"val/bicubic_psnr_{PROTOCOL}"]
    return (
        f"validation at step {step:,}: PSNR {psnr:.3f} dB, {psnr - bicubic:+.3f} over bicubic; "
        f"SSIM {scores[f'val/ssim_{PROTOCOL}']:.4f} ({PROTOCOL})"
    )
