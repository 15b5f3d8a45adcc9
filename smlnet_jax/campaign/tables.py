"""The tables and sentences of a report, as text; `markdown` and `page` dress them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from smlnet_jax.campaign.comparison import BETTER, UNDECIDED, WORSE
from smlnet_jax.campaign.results import IDENTITY, metrics_of
from smlnet_jax.evaluation.bootstrap import FEW
from smlnet_jax.training.progress import duration

Results = Mapping[str, Any]  # the content of results.json
NOTHING = "–"  # a cell without a value
PENDING = ("begun", "waiting")
_FORMS = {
    "psnr": ("{:.3f}", "{:+.3f}"),
    "ssim": ("{:.4f}", "{:+.4f}"),
    "cosine": ("{:.3f}", "{:+.3f}"),
}
_NAMES = {"psnr": ("PSNR, dB", "PSNR is"), "ssim": ("SSIM", "SSIM is"), "cosine": ("identity", "identity is")}


class Table(NamedTuple):
    """`rows` of as many cells as `head`. `marks` names what a row is: reference, better, worse or nothing."""

    head: list[str]
    rows: list[list[str]]
    marks: list[str]


def scores(results: Results, dataset: str, protocol: str) -> Table:
    """One data set under one protocol (or identity): bicubic, the reference, then the others in order.

    Those whose first run is still to end have no row; they are in `training` or `waiting`.
    """
    metrics = metrics_of(protocol)
    head = ["method", "seeds", "parameters", "GMACs", *_timed(results, "ms"), "images/s", "training"]
    for metric in metrics:
        name, verdict = _NAMES[metric]
        head += [name, "difference [95 %]", verdict]
    rows, marks = [], []
    for name, method in methods(results):
        if "runs" in method and all(run["status"] in PENDING for run in method["runs"].values()):
            continue
        cells = [name, *cost(results, method)]
        for metric in metrics:
            cells += [
                score(method, dataset, protocol, metric),
                *difference(method, dataset, protocol, metric, is_reference=name == results["reference"]),
            ]
        rows.append(cells)
        found = comparison(method, dataset, protocol, metrics[0])
        marks.append(
            "reference"
            if name == results["reference"]
            else {BETTER: "better", WORSE: "worse"}.get(found["verdict"] if found else "", "")
        )
    return Table(head, rows, marks)


def further(results: Results) -> list[str]:
    """What was scored beside the main protocol: the other protocols, and identity where it was asked for."""
    others = [name for name in results["protocols"] if name != results["protocol"]]
    return [IDENTITY, *others] if results["identity"] else others


def title(results: Results) -> str:
    members, idle = len(results["members"]), len(_idle(results))
    count = f"{members - idle} of {members}" if idle else members
    return f"Campaign: {count} members against {results['reference']}"


def training(results: Results) -> Table:
    """What each member that has begun is, and what became of its runs."""
    head = [
        "member",
        "differs in",
        "steps",
        "images seen",
        "images/s",
        "training",
        "best val PSNR, dB",
        "runs",
    ]
    rows, idle = [], _idle(results)
    for name, member in results["members"].items():
        if name in idle:
            continue
        steps = member["steps"]
        rows.append(
            [
                name,
                ", ".join(map(_override, member["overrides"].items())) or "nothing",
                NOTHING if steps is None else f"{steps:,}",
                NOTHING if steps is None else f"{steps * results['batch_size']:,}",
                _number(member["images_per_second"], "{:,.1f}"),
                _seconds(member["training_seconds"]),
                _number(member["val_psnr"], "{:.3f}"),
                ", ".join(f"{seed} {run['status']}" for seed, run in member["runs"].items()),
            ]
        )
    return Table(head, rows, ["reference" if row[0] == results["reference"] else "" for row in rows])


def waiting(results: Results) -> str:
    """Who has not begun, in a sentence; nothing if all have."""
    idle = _idle(results)
    return f"No run has begun of {', '.join(idle)}." if idle else ""


def findings(results: Results, dataset: str) -> list[str]:
    """Who is better and who worse than the reference, by PSNR under the main protocol: a sentence each."""
    groups: dict[str, list[str]] = {BETTER: [], WORSE: [], UNDECIDED: []}
    for name, method in methods(results):
        if found := comparison(method, dataset, results["protocol"], "psnr"):
            one = ", 1 seed" if len(found["by_seed"]) == 1 else ""
            groups[found["verdict"]].append(f"{name} ({_FORMS['psnr'][1].format(found['mean'])} dB{one})")
    reference = results["reference"]
    words = {
        BETTER: f"better than {reference}",
        WORSE: f"worse than {reference}",
        UNDECIDED: f"not told apart from {reference}",
    }
    return [f"{words[group]}: {', '.join(names)}" for group, names in groups.items() if names]


def mishaps(results: Results) -> Iterator[str]:
    """What went wrong, and what a reader may mistake: a sentence each."""
    for name, member in results["members"].items():
        for seed, run in member["runs"].items():
            if run["status"] in ("failed", "diverged"):
                yield f"{name}, seed {seed}, {run['status']}: {run['reason']}"
            elif run["status"] == "done" and run.get("val_psnr") is None:
                yield f"{name}, seed {seed}: no validation was finite, so its last checkpoint was scored"
    reference = results["reference"]
    ended = {run["status"] for run in results["members"][reference]["runs"].values()}
    if ended <= {"failed", "diverged"}:
        yield (
            f"{reference}, the reference, has no run that was finished, so nothing is compared with it; "
            "--config.campaign.reference=NAME takes another"
        )
    runs = [run for member in results["members"].values() for run in member["runs"].values()]
    revisions = sorted({run["revision"] for run in runs if run.get("revision")})
    if len(revisions) > 1:
        yield f"the runs are of {len(revisions)} revisions of the code: {', '.join(revisions)}"
    elif revisions and revisions[0].endswith("+changes"):
        yield "the code of the runs was not what its revision holds: it had changes that were not committed"
    devices = sorted({run["device"] for run in runs if run.get("device")})
    if len(devices) > 1:
        yield f"the runs are of different devices, so their speeds do not compare: {', '.join(devices)}"
    for name, dataset in results["datasets"].items():
        if dataset["images"] < FEW:
            yield f"{name} has fewer than {FEW} images ({dataset['images']}): its intervals are too narrow"


def state(results: Results) -> str:
    """How far the campaign is."""
    states = [run["status"] for member in results["members"].values() for run in member["runs"].values()]
    count = {one: states.count(one) for one in ("done", "failed", "diverged", "begun", "waiting")}
    rest = ", ".join(f"{number} {one}" for one, number in count.items() if number and one != "done")
    return f"{count['done']} of {len(states)} runs are done" + (f" ({rest})" if rest else "")


def facts(results: Results) -> list[tuple[str, str]]:
    """How it was done: a name and a sentence each."""
    sets = "; ".join(f"{n}: {s['images']} images of {s['source']}" for n, s in results["datasets"].items())
    steps = {"steps": "the same number of steps", "seconds": "the same seconds of training"}
    start = results["starts"][-1] if results["starts"] else {}
    devices = {
        f"{run['devices']} x {run['device']}" if run["devices"] > 1 else run["device"]
        for member in results["members"].values()
        for run in member["runs"].values()
        if run["status"] == "done"
    }
    val = f"at most the first {results['val_images']} images" if results["val_images"] else "all images"
    found = [
        ("task", f"x{results['scale']} to {results['size']}x{results['size']}, LR by {results['lr_kernel']}"),
        ("trained on", f"{results['train']}, batches of {results['batch_size']}, {steps[results['budget']]}"),
        ("checkpoint", f"{results['checkpoint']}, {val} of {results['val']}; test images had no part in it"),
        ("tested on", sets),
        ("hardware", ", ".join(sorted(devices)) or NOTHING),
    ]
    if forward := results["forward"]:
        what = f"milliseconds an image of a forward pass in batches of {forward['batch']}, compiled"
        how = f"medians of {forward['rounds']} calls, all members in turns in one process"
        found.append(("ms", f"{what}, on {forward['device']}; {how}"))
    if start:
        versions = ", ".join(f"{name} {version}" for name, version in start["versions"].items())
        machine = start["machine"]
        found += [
            ("machine", f"{machine['cpu']}, {machine['cores']} cores, {machine['system']}"),
            ("versions", versions),
            ("revision", start["revision"] or "not known: not run from a git checkout"),
            ("begun", f"{results['starts'][0]['time']}, started {len(results['starts'])} times"),
        ]
    return [*found, ("written", results["written"])]


READING = (
    "PSNR and SSIM are means over the images, then over the seeds; what follows ± is the standard deviation "
    "of the seeds' means. A difference is method minus reference over the seeds that both have: the mean of "
    "the images' differences, each averaged over seeds first, and its 95 % interval by a paired bootstrap "
    "over images.",
    "Better and worse mean that the interval leaves 0 out and that every seed has the same sign. All else is "
    "not told apart, which does not mean equal. With one seed the verdict is about those two trainings only.",
    "Each interval is right in 95 of 100 cases by itself; among many rows some will be wrong. None says "
    "anything about longer training, other data or larger networks.",
    "Training is the time of the steps alone: no compilation, validation or saving.",
)


def _idle(results: Results) -> list[str]:
    """Members of which no run has begun."""
    runs = {name: member["runs"].values() for name, member in results["members"].items()}
    return [name for name, found in runs.items() if all(run["status"] == "waiting" for run in found)]


def methods(results: Results) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Bicubic, the reference, the others."""
    yield "bicubic", results["bicubic"]
    reference = results["reference"]
    yield reference, results["members"][reference]
    yield from ((name, member) for name, member in results["members"].items() if name != reference)


def comparison(method: Mapping[str, Any], dataset: str, protocol: str, metric: str) -> dict[str, Any] | None:
    return method["difference"][dataset][protocol][metric] if method["difference"] else None


def cost(results: Results, method: Mapping[str, Any]) -> list[str]:
    """Seeds, parameters, GMACs, milliseconds where they were measured, images a second, training time."""
    if "runs" not in method:
        return ["", "0", "0", *_timed(results, ""), "", ""]
    done = sum(run["status"] == "done" for run in method["runs"].values())
    return [
        f"{done} of {len(method['runs'])}",
        _number(method["parameters"], "{:.2f} M", 1e-6),
        _number(method["macs"], "{:.3f}", 1e-9),
        *_timed(results, _number(method["milliseconds"], "{:.1f}")),
        _number(method["images_per_second"], "{:,.1f}"),
        _seconds(method["training_seconds"]),
    ]


def _timed(results: Results, cell: str) -> list[str]:
    return [cell] if results["forward"] else []


def score(method: Mapping[str, Any], dataset: str, protocol: str, metric: str) -> str:
    if not method["scores"]:
        return NOTHING
    found = method["scores"][dataset][protocol][metric]
    form = _FORMS[metric][0]
    spread = f" ± {form.format(found['spread'])}" if found["spread"] is not None else ""
    return _number(found["mean"], form) + spread


def difference(
    method: Mapping[str, Any], dataset: str, protocol: str, metric: str, *, is_reference: bool = False
) -> tuple[str, str]:
    """The difference with its interval, and the verdict with the number of seeds that it rests on."""
    found = comparison(method, dataset, protocol, metric)
    if not found:
        return ("", "reference") if is_reference else (NOTHING, NOTHING)
    mean, low, high = (_FORMS[metric][1].format(found[key]) for key in ("mean", "low", "high"))
    one = " (1 seed)" if len(found["by_seed"]) == 1 else ""
    return f"{mean} [{low}, {high}]", found["verdict"] + one


def _number(value: float | None, form: str, factor: float = 1.0) -> str:
    return NOTHING if value is None else form.format(value * factor)


def _seconds(value: float | None) -> str:
    return NOTHING if value is None else duration(value)


def _override(item: tuple[str, Any]) -> str:
    return f"{item[0]}={str(item[1]).replace(' ', '')}"
