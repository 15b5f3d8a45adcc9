import csv

import numpy as np
import pytest

from smlnet_jax.cli import main


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Writes NAME.csv with columns of scores, as eval.py does."""
    monkeypatch.chdir(tmp_path)

    def write(name, names=None, **columns):
        names = names or [f"{i:03d}.png" for i in range(len(next(iter(columns.values()))))]
        with open(name, "w", newline="") as file:  # noqa: PTH123
            writer = csv.writer(file)
            writer.writerow(["name", *columns])
            writer.writerows(zip(names, *columns.values(), strict=True))
        return name

    return write


@pytest.fixture
def image():
    return np.random.default_rng(0).normal(27, 3, 40)


def compare(capsys, *args) -> tuple[int, str, str]:
    code = main(["compare", *args, "--resamples", "1000"])
    return code, *capsys.readouterr()


def test_better_one_is_named_whichever_comes_first(write, image, capsys):
    noise = np.random.default_rng(1).normal(0, 0.1, 40)
    write("a.csv", sfmnet_psnr=image, sfmnet_ssim=image / 40)
    write("b.csv", sfmnet_psnr=image + 0.5 + noise, sfmnet_ssim=image / 40)
    for order in (("a.csv", "b.csv"), ("b.csv", "a.csv")):
        code, out, err = compare(capsys, *order)
        first, second = out.splitlines()
        assert (code, err) == (0, "")
        assert first.startswith("sfmnet PSNR: b.csv is better than a.csv by 0.5")
        assert first.endswith("40 images") and " dB [0.4" in first
        assert second == f"sfmnet SSIM: {order[0]} and {order[1]} are not distinguishable: " + (
            "+0.0000 [+0.0000, +0.0000], 40 images"
        )


def test_lines_are_paired_by_name_not_by_order(write, image, capsys):
    names = [f"{i}.png" for i in range(40)]
    write("a.csv", names, rgb_psnr=image + 0.1)
    write("b.csv", names[::-1], rgb_psnr=image[::-1])
    assert "a.csv is better than b.csv by 0.100 dB [0.100, 0.100]" in compare(capsys, "a.csv", "b.csv")[1]


def test_only_the_protocol_that_was_asked_for(write, image, capsys):
    for name in ("a.csv", "b.csv"):
        write(name, sfmnet_psnr=image, sparnet_psnr=image, vif=image)
    _, out, _ = compare(capsys, "a.csv", "b.csv", "--protocol", "sparnet")
    assert out.startswith("sparnet PSNR") and len(out.splitlines()) == 1
    code, _, err = compare(capsys, "a.csv", "b.csv", "--protocol", "rgb")
    assert code == 2 and "share no scores under rgb" in err


def test_whatever_both_files_hold_is_compared_in_its_own_direction(write, image, capsys):
    closer = 1 / image
    write("a.csv", vif=image / 50, lpips=closer, niqe=image, lr_consistency=image, other=image)
    write("b.csv", vif=image / 40, lpips=closer + 0.1, niqe=image, lr_consistency=image * np.inf)
    _, out, err = compare(capsys, "a.csv", "b.csv")
    vif, lpips, niqe = out.splitlines()
    assert vif.startswith("VIF: b.csv is better than a.csv by 0.1")
    assert lpips.startswith("LPIPS: a.csv is better than b.csv by 0.1000 [")
    assert niqe.startswith("NIQE: a.csv and b.csv are not distinguishable")
    assert "LR consistency is left out: lr_consistency of 000.png in b.csv is inf" in err


def test_identity_is_compared_whichever_command_wrote_it(write, image, capsys):
    write("a.csv", rgb_psnr=image, identity_cosine=image / 40, identity_bicubic_cosine=image / 80)
    write("b.csv", rgb_psnr=image, identity=image / 30)
    assert "identity: b.csv is better than a.csv by 0." in compare(capsys, "a.csv", "b.csv")[1]


def test_few_images_are_noted(write, image, capsys):
    write("a.csv", rgb_psnr=image[:5])
    assert "fewer than 20 images" in compare(capsys, "a.csv", "a.csv")[2]


def test_names_without_a_partner_are_listed(write, image, capsys):
    write("a.csv", ["1.png", "2.png", "3.png"], rgb_psnr=image[:3])
    write("b.csv", ["1.png", "4.png"], rgb_psnr=image[:2])
    code, out, err = compare(capsys, "a.csv", "b.csv")
    assert (code, out) == (2, "")
    assert "only in a.csv (2): 2.png, 3.png" in err and "only in b.csv (1): 4.png" in err


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("name,rgb_psnr\n", "has no scores"),
        ("image,rgb_psnr\n1.png,3\n", "line 2 of bad.csv names no image"),
        ("name,rgb_psnr\n1.png,good\n", "line 2 of bad.csv is no line of scores"),
        ("name,rgb_psnr\n1.png,3\n2.png\n", "line 3 of bad.csv is no line of scores"),
        ("name,rgb_psnr\n1.png,3\n2.png,4,5\n", "line 3 of bad.csv is no line of scores"),
        ("name,rgb_psnr\n1.png,3\n1.png,3\n", "scores 1.png twice"),
        ("name,rgb_psnr\n1.png,3\n2.png,inf\n", "rgb_psnr of 2.png in bad.csv is inf"),
        ("name,rgb_psnr\n1.png,3\n", "score at least two"),
        (b"\xff\xfe\x00", "bad.csv has no scores"),
        ('name,rgb_psnr\n"1.png,3\n', "bad.csv is no CSV file"),
        (None, "bad.csv cannot be read"),
    ],
)
def test_file_that_is_no_table_of_scores_is_one_line(content, sentence, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    if content is not None:
        (tmp_path / "bad.csv").write_bytes(content if isinstance(content, bytes) else content.encode())
    code, _, err = compare(capsys, "bad.csv", "bad.csv")
    assert code == 2 and sentence in err and err.count("\n") == 1
