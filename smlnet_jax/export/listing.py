"""`smlnet models`: every network, what it costs, and the weights that are at hand for it with their terms."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from smlnet_jax.errors import UserError
from smlnet_jax.export.card import Card
from smlnet_jax.export.pretrained import available, load_card
from smlnet_jax.models import NETWORKS, NetworkConfig, create

SIZE = 128  # pixels each way of the image that GMACs are given for


class Row(NamedTuple):
    model: str
    params: str  # M
    macs: str  # G
    weights: str = "-"
    scale: str = "-"
    terms: str = "-"


HEADER = Row("model", "params, M", "GMACs", "weights", "scale", "terms of the weights")


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the flags of `smlnet models`: none."""
    parser.description = (
        "Lists every network with its parameters and its multiply-accumulates for an image of "
        f"{SIZE}x{SIZE}, and the weights for it that need no download: those of the package and of the cache."
    )


def run(_: argparse.Namespace) -> int:
    """Prints the table, a line as soon as its network is counted, which takes a second; the exit code."""
    known = cards()
    model, weights = (max(map(len, words)) for words in ((HEADER.model, *NETWORKS), (HEADER.weights, *known)))
    print(_line(HEADER, model, weights))
    for row in rows(known):
        print(_line(row, model, weights), flush=True)
    return 0


def cards() -> dict[str, Card]:
    """Cards of all weights at hand, by the name that loads them; one that is damaged is a note on stderr."""
    found = {}
    for name in available():
        try:
            found[name] = load_card(name)
        except UserError as error:
            print(f"note: {error}", file=sys.stderr)
    return found


def rows(known: Mapping[str, Card]) -> Iterator[Row]:
    """Each network as `create` makes it, then the weights for it, whose own may differ in switches."""
    for network, config in NETWORKS.items():
        yield Row(*_cost(config))
        for name, card in known.items():
            if card.model.name == network:
                yield Row(*_cost(card.model), name, f"x{card.scale}", card.licences.weights)


def _cost(config: NetworkConfig) -> tuple[str, str, str]:
    model = create(config)
    macs = model.macs(SIZE, SIZE)
    return config.name, f"{model.param_count() / 1e6:.2f}", f"{macs / 1e9:.2f}"


def _line(row: Row, model: int, weights: int) -> str:
    cost = f"{row.model:{model}}  {row.params:>9}  {row.macs:>5}"
    return f"{cost}  {row.weights:{weights}}  {row.scale:5}  {row.terms}"
