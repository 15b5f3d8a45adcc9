import numpy as np
import pytest

from smlnet_jax.errors import UserError
from smlnet_jax.figures.inset import Inset, busiest, parse


def test_inset_of_the_largest_change_within_the_face():
    bicubic = np.full((64, 64, 3), 100, np.uint8)
    restored = bicubic.copy()
    restored[:10, :10] = 255  # hair
    restored[30:46, 20:36] += 40
    assert busiest(restored, bicubic) == Inset(20, 30, 16)
    assert (Inset(20, 30, 16).cut(restored) == 140).all()


def test_inset_lies_in_the_picture_even_if_nothing_changed():
    same = np.zeros((16, 16, 3), np.uint8)
    x, y, size = busiest(same, same)
    assert size == 4 and 0 <= x <= 12 and 0 <= y <= 12


def test_inset_is_read():
    assert parse("32,44,20", 64) == (32, 44, 20)
    assert parse("0,0,64", 64) == (0, 0, 64)


@pytest.mark.parametrize("text", ["1,2", "1,2,3,4", "a,b,c", "1.5,2,8", ""])
def test_what_is_no_inset_is_explained(text):
    with pytest.raises(UserError, match="is not x,y,size, three whole numbers"):
        parse(text, 64)


@pytest.mark.parametrize("text", ["50,0,20", "0,50,20", "-1,0,8", "0,0,65", "0,0,1"])
def test_inset_outside_of_the_picture_is_refused(text):
    with pytest.raises(UserError, match="does not lie in a picture of 64x64"):
        parse(text, 64)
