"""`smlnet export`: the averaged weights of a training run, as a folder that travels."""

from __future__ import annotations

import argparse
import dataclasses
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from smlnet_jax.config import Config
from smlnet_jax.errors import UserError
from smlnet_jax.export import package, workdir
from smlnet_jax.export.card import CANONICAL_CROP, DTYPES, Card, Licences
from smlnet_jax.export.pretrained import save_pretrained
from smlnet_jax.export.speed import measure
from smlnet_jax.models import create


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the flags of `smlnet export`."""
    parser.description = (
        "Writes the averaged weights of a training run with their card into a folder, whole or not at all."
    )
    add = parser.add_argument
    add("workdir", type=Path, metavar="WORKDIR", help="of train.py")
    add("-o", "--output", type=Path, required=True, metavar="FOLDER", help="must be absent or empty")
    add("--which", choices=("best", "latest"), default="best", help="checkpoint; default: best")
    add("--dtype", choices=tuple(DTYPES), default="float32", help="float16 halves the file")
    add(
        "--consistency",
        action="store_true",
        help="SR reduces to exactly LR (model.consistency), also if the network was trained without that",
    )
    add("--name", help="default: the variant and the scale, such as smlnet_lite_x8")
    add(
        "--scores",
        type=Path,
        metavar="EVAL.json",
        help="default: WORKDIR/eval.json if it scored this checkpoint",
    )
    add("--trained-on", metavar="TEXT", help="what data, how split; default: the config's source")
    add("--licence", metavar="TEXT", help="terms of the weights")
    add("--data-licence", metavar="TEXT", help="terms of the training data")
    add("--crop", metavar="TEXT", default=CANONICAL_CROP, help="how faces were cropped; default: canonically")
    add("--hardware", metavar="TEXT", default="", help="what it was trained on")
    add("--command", metavar="TEXT", default="", help="what started the run, to be started again by a reader")
    add("--revision", metavar="TEXT", default="", help="of the code that trained: a version or a git commit")
    add(
        "--overwrite", action="store_true", help="replace weights in FOLDER; other folders are never replaced"
    )
    add("--no-speed", action="store_true", help="do not time the network on this machine")


def run(args: argparse.Namespace) -> int:
    """Exports what `args` names; the exit code. Raises UserError, and then nothing was written."""
    package.check_free(args.output, args.overwrite)
    config = workdir.run_config(args.workdir)
    scores = _scores(args, config)
    try:
        from smlnet_jax.training.checkpoint import load_weights
    except ImportError as error:
        raise UserError(
            f"checkpoints cannot be read ({error}); install what training needs with "
            "`pip install 'smlnet-jax[train]'`"
        ) from error
    model_config, params, info = load_weights(args.workdir, args.which)
    if args.consistency:
        model_config = dataclasses.replace(model_config, consistency=_consistency(config))
    model = create(model_config)

    facts = workdir.training(config, workdir.metrics(args.workdir), info["step"], args.which)
    card = Card(
        name=args.name or f"{model_config.name}_x{config.data.scale}",
        model=model_config,
        size=config.data.size,
        scale=config.data.scale,
        lr_kernel=config.data.lr_kernel,
        crop=args.crop,
        speed=() if args.no_speed else measure(model, params, config.data.size),
        training=dataclasses.replace(
            facts,
            data=args.trained_on or facts.data,
            hardware=args.hardware,
            command=args.command,
            revision=args.revision,
        ),
        scores=scores,
        licences=workdir.licences(config, args.trained_on, args.licence, args.data_licence),
    )
    card = save_pretrained(args.output, model, params, card, args.dtype, overwrite=args.overwrite)
    for note in _left_open(card):
        print(f"note: {note}", file=sys.stderr)
    weights = (args.output / package.WEIGHTS).stat().st_size
    print(f"{args.output}: {card.name}, {card.parameters / 1e6:.2f} M parameters, {weights / 1e6:.2f} MB")
    return 0


def _consistency(config: Config) -> int:
    """The scale of the run, if that is how its LR was made."""
    if config.data.lr_kernel != "pil_bicubic":
        raise UserError(
            f"--consistency is for weights that were trained on pil_bicubic, and these on "
            f"{config.data.lr_kernel}, whose LR does not say what HR reduces to; leave it out"
        )
    return config.data.scale


def _scores(args: argparse.Namespace, config: Config) -> Mapping[str, Any]:
    """Those that were asked for, or the run's own if they are of this very checkpoint."""
    if args.scores is not None:
        return workdir.scores(args.scores, config)
    own = args.workdir / "eval.json"
    if args.which != "best" or not own.is_file():
        return {}
    if args.consistency and not config.model.consistency:
        print(f"note: {own} scored these weights without --consistency; it is left out", file=sys.stderr)
        return {}
    if not workdir.is_current(own, args.workdir):
        print(f"note: {own} is not of these weights, or older than they are; it is left out", file=sys.stderr)
        return {}
    return workdir.scores(own, config)


def _left_open(card: Card) -> Iterator[str]:
    """What a reader of the card will miss."""
    if not card.scores:
        yield "the card has no scores; run eval.py on this folder, then export again with --scores"
    for fact in ("hardware", "command", "revision"):
        if not getattr(card.training, fact):
            yield f"the card does not say the {fact} of the training run; see --{fact}"
    if card.licences.weights == Licences().weights:
        yield "the card states no terms for the weights; see --licence"
