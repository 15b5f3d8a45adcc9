"""The model card as a page: README.md of a package, in the form that the Hugging Face hub shows."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from smlnet_jax.export.card import Card, Training

NOT_RECORDED = "not recorded"

_FRONT_MATTER = """\
---
library_name: smlnet_jax
pipeline_tag: image-to-image
license: other
license_name: see-the-section-licences
tags: [face-super-resolution, face-hallucination, jax, flax]
---
"""

_LR_KERNELS = {
    "pil_bicubic": "reduced by Pillow's antialiased bicubic, rounded to 8 bits",
    "matlab_bicubic": "reduced by MATLAB's antialiased bicubic (symmetric border), rounded to 8 bits",
    "area": "reduced by averaging over areas, rounded to 8 bits",
    "blind": "blurred, reduced, given noise and JPEG artefacts, each of a random strength, rounded to 8 bits",
}

_USE = """\
## Intended use

Research on face super-resolution, and making small or old photographs of faces more pleasant to look at.
The network expects one face, framed as described above; `smlnet restore` finds and frames the faces of whole
photographs.

Not for identifying people, evidence, biometric or medical decisions, nor for presenting the result as what
was there.

## Risk to identity

**The result is a guess.** At x{scale} each input pixel becomes {area} output pixels, and the network fills
them with what was likely in its training data. Many different people fit the same {lr}x{lr} pixels: the
restored face may be a person who was never in the picture, and may not be recognisable as the one who was.
What is rare in the training data (age, skin tone, glasses, scars, unusual light or pose) is drawn towards
what is common there. Never use a restored face to identify anyone, and label it as restored wherever it is
shown.
"""


def page(card: Card, weight_bytes: int) -> str:
    """Markdown of a card; `weight_bytes` is the size of the weights file."""
    lr = card.size // card.scale
    sections = [
        f"{_FRONT_MATTER}\n# {card.name}\n\nFace super-resolution x{card.scale}, from {lr}x{lr} to "
        f"{card.size}x{card.size} pixels, by `{card.model.name}` of smlnet_jax: a reconstruction of "
        f"{card.model.source} in JAX.\n",
        _usage(card),
        _table("## The network", _network(card, weight_bytes)),
        _table("## Training", _training(card.training)),
        _curve(card.training),
        _recipe(card.training),
        f"## Crop\n\n{card.crop}\n",
        f"## Degradation\n\n{_degradation(card)}\n",
        "## Scores\n\n" + "\n".join(_scores(card)) + "\n",
        _USE.format(scale=card.scale, area=card.scale**2, lr=lr),
        _table(
            "## Licences",
            {
                "code": card.licences.code,
                "weights": card.licences.weights,
                "training data": card.licences.data,
            },
        ),
    ]
    return "\n".join(section for section in sections if section)


def _usage(card: Card) -> str:
    return f"""\
```
smlnet restore photo.jpg -m {card.name} -o results
```

```python
import smlnet_jax

model, params, card = smlnet_jax.load_pretrained("{card.name}")  # or the path of this folder
restored = smlnet_jax.Restorer.from_pretrained("{card.name}")("photo.jpg")
```
"""


def _network(card: Card, weight_bytes: int) -> dict[str, str]:
    rows = {
        "variant": f"`{card.model.name}`, every choice in config.json",
        "parameters": f"{card.parameters / 1e6:.2f} M",
        "multiply-accumulates": f"{card.macs / 1e9:.2f} G an image of {card.size}x{card.size} (FFT left out)",
        "file": f"{weight_bytes / 1e6:.1f} MB, {card.dtype}; computes in {card.model.dtype}",
    }
    if card.model.consistency:
        rows["consistency"] = f"SR, reduced by {card.model.consistency}, is exactly the LR"
    if card.model.mirror:
        rows["mirror"] = "the mirror image of a face gets the mirror image of the result"
    for one in card.speed:
        rows[f"speed, batch {one.batch}"] = f"{one.milliseconds:.1f} ms an image on {one.device}"
    return rows if card.speed else {**rows, "speed": NOT_RECORDED}


def _training(training: Training) -> dict[str, str]:
    steps = f"{training.steps:,}"
    if training.batch_size:
        steps += f" of {training.batch_size} images: {training.steps * training.batch_size:,} in all"
    return {
        "data": training.data or NOT_RECORDED,
        "steps": steps if training.steps else NOT_RECORDED,
        "wall time": _duration(training.hours) if training.hours else NOT_RECORDED,
        "hardware": training.hardware or NOT_RECORDED,
        "seed": str(training.seed) if training.steps else NOT_RECORDED,
        "code": training.revision or NOT_RECORDED,
        "command": f"`{training.command}`" if training.command else NOT_RECORDED,
        "checkpoint": training.chosen or NOT_RECORDED,
    }


def _duration(hours: float) -> str:
    return f"{hours:.1f} h" if hours >= 1 else f"{hours * 60:.1f} min"


def _curve(training: Training, rows: int = 12) -> str:
    """The learning curve, thinned to some rows; config.json has it whole."""
    if not training.curve:
        return ""
    last = len(training.curve) - 1
    shown = sorted({round(i * last / (rows - 1)) for i in range(rows)})
    lines = [f"| {training.curve[i].step:,} | {training.curve[i].value:.3f} |" for i in shown]
    return "\n".join([f"| step | {training.curve_of} |", "|---|---|", *lines]) + "\n"


def _recipe(training: Training) -> str:
    if not training.recipe:
        return ""
    recipe = json.dumps(training.recipe, indent=1)
    return f"<details><summary>The recipe</summary>\n\n```json\n{recipe}\n```\n\n</details>\n"


def _degradation(card: Card) -> str:
    lr = card.size // card.scale
    made = _LR_KERNELS[card.lr_kernel]
    text = f"`{card.lr_kernel}`: the {card.size}x{card.size} crop is {made}, to {lr}x{lr}."
    if card.lr_kernel == "blind":
        data = card.training.recipe.get("data", {})
        ranges = {key: value for key, value in data.items() if key.startswith("blind_")}
        return (
            f"{text} Ranges: {', '.join(f'{key} {value}' for key, value in ranges.items()) or NOT_RECORDED}."
        )
    return f"{text} Another way of reducing, JPEG among them, costs up to 0.9 dB."


def _scores(card: Card) -> Iterator[str]:
    """A row for each data set and protocol: rows of two protocols must never be compared."""
    if not card.scores:
        yield f"{NOT_RECORDED.capitalize()}."
        return
    note = f"x{card.scale}, LR by `{card.lr_kernel}`; PSNR in dB and SSIM. Never compare two protocols."
    if any("identity" in found for found in card.scores.values()):
        note += " Identity is the mean cosine of SFace's embeddings."
    yield note + "\n"
    yield "| data set | images | protocol | bicubic | this model | gain |"
    yield "|---|---|---|---|---|---|"
    for name, found in card.scores.items():
        for protocol, scores in found["protocols"].items():
            bicubic = found.get("bicubic", {}).get(protocol, {})
            cells = name, str(found["n"]), protocol, _pair(bicubic), _pair(scores), _gain(scores, bicubic)
            yield f"| {' | '.join(cells)} |"
        if cosine := found.get("identity"):
            ours, bicubic = cosine["model"], cosine["bicubic"]
            yield f"| {name} | {found['n']} | identity | {bicubic:.3f} | {ours:.3f} | {ours - bicubic:+.3f} |"


def _pair(scores: Mapping[str, Any]) -> str:
    psnr, ssim = scores.get("psnr"), scores.get("ssim")
    return "" if psnr is None or ssim is None else f"{psnr:.3f} {ssim:.4f}"


def _gain(scores: Mapping[str, Any], bicubic: Mapping[str, Any]) -> str:
    if not _pair(scores) or not _pair(bicubic):
        return ""
    return f"{scores['psnr'] - bicubic['psnr']:+.3f} {scores['ssim'] - bicubic['ssim']:+.4f}"


def _table(title: str, rows: Mapping[str, str]) -> str:
    lines = [f"| {name} | {value} |" for name, value in rows.items()]
    return "\n".join([title, "", "| | |", "|---|---|", *lines]) + "\n"
