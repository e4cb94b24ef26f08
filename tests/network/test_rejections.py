"""Every reason of PS3.8 has words and a code."""

from __future__ import annotations

import pytest

from napari_dicomdb.network.node import Node
from napari_dicomdb.network.rejections import abort_error, context_words, rejection_error


@pytest.mark.parametrize(
    ("source", "reason", "code"),
    [(1, 1, "rejected"), (1, 2, "rejected"), (1, 3, "wrong-calling-aet"),
     (1, 7, "wrong-called-aet"), (2, 1, "rejected"), (2, 2, "rejected"), (3, 1, "busy"),
     (3, 2, "busy"), (9, 9, "rejected")],
)  # fmt: skip
def test_rejections(source, reason, code):
    error = rejection_error(Node("n", host="h", called_aet="THEM"), source, reason)
    assert error.reason == code
    assert "{" not in str(error)


def test_aborts_and_contexts():
    assert str(abort_error(0, 0)) == "the node broke the association off"
    assert "not valid" in str(abort_error(2, 6))
    assert context_words(4) == "it does not take this transfer syntax"
    assert "99" in context_words(99)
