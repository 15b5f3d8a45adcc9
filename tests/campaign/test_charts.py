"""Names in the cost chart: beside their dots, on the side that has room."""

import re

from smlnet_jax.campaign import charts


def results(**members):
    """`name=(multiply-accumulates, PSNR)`, as results.json has them."""
    return {
        "protocol": "sparnet",
        "members": {
            name: {
                "macs": macs,
                "milliseconds": None,
                "scores": {"set": {"sparnet": {"psnr": {"mean": psnr}}}},
            }
            for name, (macs, psnr) in members.items()
        },
    }


def labels(chart):
    """Name -> (x of the text, its anchor)."""
    found = re.findall(r'<text x="([\d.]+)" text-anchor="(start|end)" y="[\d.]+">(\w+)</text></g>', chart)
    return {name: (float(x), anchor) for x, anchor, name in found}


def test_names_stand_right_of_their_dots_where_there_is_room():
    assert labels(charts.cost(results(a=(1e9, 20.0), b=(2e9, 21.0)), "set"))["a"][1] == "start"


def test_name_moves_to_the_left_of_a_dot_whose_right_is_taken():
    found = labels(charts.cost(results(left=(2.0e9, 21.0), right=(2.03e9, 21.02), far=(3e9, 20.0)), "set"))
    assert found["left"][1] == "end" and found["right"][1] == "start"


def test_dot_between_two_others_goes_without_a_name():
    crowd = results(one=(2.0e9, 21.0), middle=(2.02e9, 21.0), three=(2.04e9, 21.0), far=(3e9, 20.0))
    found = labels(charts.cost(crowd, "set"))
    assert "middle" not in found and {"one", "three"} <= found.keys()


def test_line_joins_the_members_that_no_cheaper_one_reaches():
    chart = charts.cost(results(a=(1e9, 20.0), b=(2e9, 21.0), dear=(3e9, 20.5), best=(4e9, 22.0)), "set")
    dots = re.findall(r"<title>(\w+): .*?</title><circle cx=\"([\d.]+)\" cy=\"([\d.]+)\"", chart)
    at = {name: f"{x},{y}" for name, x, y in dots}
    line = re.search(r'<polyline class="front" points="([^"]*)"', chart).group(1)
    assert line == " ".join(at[name] for name in ("a", "b", "best"))


def test_of_members_of_one_cost_the_line_joins_the_best():
    same = results(plain=(1e9, 20.0), mirror=(1e9, 21.0), dear=(2e9, 20.5), best=(4e9, 22.0))
    line = re.search(r'<polyline class="front" points="([^"]*)"', charts.cost(same, "set")).group(1)
    assert len(line.split()) == 2


def test_members_that_were_not_timed_have_no_dots_against_time():
    assert charts.cost(results(a=(1e9, 20.0), b=(2e9, 21.0)), "set", "milliseconds") == ""


def test_every_seed_has_its_dot_however_far_it_lies():
    found = {
        "low": 0.01,
        "mean": 0.02,
        "high": 0.03,
        "verdict": "better",
        "by_seed": {0: -0.05, 1: 0.02, 2: 0.09},
    }
    members = {"a": {"difference": {"set": {"sparnet": {"psnr": found}}}}}
    drawn = charts.differences({"protocol": "sparnet", "reference": "b", "members": members}, "set")
    assert drawn.count('class="seed"') == 3


def test_learning_curve_is_of_the_seeds_that_are_done():
    def run(status, *psnrs):
        curve = [{"step": i, "images": 8 * i, "psnr": psnr} for i, psnr in enumerate(psnrs, 1)]
        return {"status": status, "curve": curve}

    def heights(*runs):
        drawn = charts.learning({"members": {"a": {"runs": dict(enumerate(runs))}}}, "images")
        return drawn.count("<polyline"), re.findall(r"<title>a[^<]*?([\d.]+) dB", drawn)

    assert heights(run("done", 22.0, 22.4), run("failed", 21.0)) == heights(run("done", 22.0, 22.4))
    assert heights(run("failed", 21.0, 21.5), run("begun", 20.0))[0] == 1
