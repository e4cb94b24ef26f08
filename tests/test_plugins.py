from __future__ import annotations

from importlib.metadata import EntryPoint
from typing import Protocol, runtime_checkable

import pytest

from napari_dicomdb import plugins
from napari_dicomdb.errors import Cancelled, LoadError
from napari_dicomdb.plugins import PluginFailure, Plugins


@runtime_checkable
class Tool(Protocol):
    name: str

    def use(self) -> str: ...


class Hammer:
    name = "hammer"

    def use(self) -> str:
        return "bang"


class Heavier(Hammer):
    def use(self) -> str:
        return "BANG"


class Useless:
    name = "useless"


class Breaks:
    name = "breaks"

    def __init__(self) -> None:
        raise ZeroDivisionError("Doe^Jane")


@pytest.fixture
def tools(monkeypatch: pytest.MonkeyPatch) -> Plugins[Tool]:
    """Tools of which four are installed; two cannot be used, one is not there."""
    for part in (Hammer, Useless, Breaks):
        monkeypatch.setattr(plugins, part.__name__, part, raising=False)

    def installed(*, group: str) -> list[EntryPoint]:
        assert group == "some.tools"
        values = {"c": "Breaks", "b": "Useless", "a": "Hammer", "d": "Gone"}
        return [EntryPoint(n, f"napari_dicomdb.plugins:{v}", group) for n, v in values.items()]

    monkeypatch.setattr(plugins, "entry_points", installed)
    return Plugins("some.tools", "tool", Tool, ("name", "use"), LoadError)


def test_what_is_installed_and_why_the_rest_is_not(
    tools: Plugins[Tool], caplog: pytest.LogCaptureFixture
) -> None:
    assert [tool.use() for tool in tools.all()] == ["bang"]
    assert {failure.name: failure.text for failure in tools.failures()} == {
        "b": "TypeError: napari_dicomdb.plugins:Useless has no use",
        "c": "ZeroDivisionError: Doe^Jane",
        "d": "AttributeError: module 'napari_dicomdb.plugins' has no attribute 'Gone'",
    }
    assert "tool c failed: ZeroDivisionError" in caplog.text
    assert "Doe" not in caplog.text


def test_by_name(tools: Plugins[Tool]) -> None:
    assert tools.named("hammer").use() == "bang"
    with pytest.raises(LoadError, match="there is no tool 'saw': is its package") as told:
        tools.named("saw")
    assert told.value.reason == "no-tool"
    with pytest.raises(LoadError, match="has no use"):
        tools.named("b")


def test_the_registered_come_first_and_go_again(tools: Plugins[Tool]) -> None:
    tools.register(Heavier())
    assert [tool.use() for tool in tools.all()] == ["BANG"]
    tools.unregister("hammer")
    assert [tool.use() for tool in tools.all()] == ["bang"]


def test_failures_are_forgotten_when_looked_for_anew(
    tools: Plugins[Tool], monkeypatch: pytest.MonkeyPatch
) -> None:
    with tools.attempt("hammer") as failed:
        raise ValueError("bent")
    assert failed == [PluginFailure("hammer", "ValueError: bent")]
    assert failed[0] in tools.failures()
    monkeypatch.setattr(plugins, "entry_points", lambda *, group: [])
    assert tools.named("hammer").use() == "bang"  # found before
    tools.reload()
    assert tools.all() == ()
    assert tools.failures() == ()


def test_being_cancelled_is_no_failure(tools: Plugins[Tool]) -> None:
    with pytest.raises(Cancelled), tools.attempt("hammer") as failed:
        raise Cancelled("enough")
    assert failed == []
    assert "hammer" not in {failure.name for failure in tools.failures()}


def test_an_error_may_be_told_as_another() -> None:
    def tell(error: Exception) -> None:
        raise LoadError("the hammer broke", reason="broken") from error

    with pytest.raises(LoadError, match="the hammer broke") as told, plugins.guarded(tell):
        raise KeyError("Doe^Jane")
    assert isinstance(told.value.__cause__, KeyError)
    with pytest.raises(KeyboardInterrupt), plugins.guarded(tell):
        raise KeyboardInterrupt
