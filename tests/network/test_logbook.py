"""The log of the network: bounded, by level, peer and association, from any thread."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from napari_dicomdb.errors import NetworkError
from napari_dicomdb.network import logbook
from napari_dicomdb.network.association import Association
from napari_dicomdb.network.echo import check_node
from napari_dicomdb.network.listener import Listener
from napari_dicomdb.network.listener_settings import ListenerSettings
from napari_dicomdb.network.logbook import LOGGER, LogBook, PeerLog
from napari_dicomdb.network.node import Node

log = logging.getLogger(f"{LOGGER}.testing")


@pytest.fixture
def book() -> Iterator[LogBook]:
    with LogBook(capacity=10) as made:
        yield made


def texts(book: LogBook, **filters: Any) -> list[str]:
    return [entry.text for entry in book.entries(**filters)]


def test_the_oldest_go_first(book: LogBook) -> None:
    for number in range(25):
        log.info("entry %d", number)
    assert texts(book) == [f"entry {number}" for number in range(15, 25)]
    assert texts(book, limit=2) == ["entry 23", "entry 24"]
    assert texts(book, limit=0) == []
    last = book.entries()[-1].number
    assert book.entries(after=last) == []
    log.info("one more")
    assert texts(book, after=last) == ["one more"]
    book.clear()
    assert book.entries() == []


def test_filters(book: LogBook) -> None:
    one, two = PeerLog(log, "PACS@a:104"), PeerLog(log, "Other@b:11112")
    one.info("asks for contexts")
    two.warning("no association: refused")
    log.error("disk full")
    assert texts(book, level="warning") == ["no association: refused", "disk full"]
    assert texts(book, association=one.number) == ["asks for contexts"]
    assert texts(book, peer="other") == ["no association: refused"]
    assert texts(book, text="REFUSED association") == ["no association: refused"]
    assert texts(book, text="pacs") == ["asks for contexts"]
    assert texts(book, text="nothing of this") == []
    assert book.peers() == ["Other@b:11112", "PACS@a:104"]
    entry = book.entries(association=two.number)[0]
    assert (entry.level, entry.source, entry.peer) == ("warning", "testing", "Other@b:11112")
    assert json.loads(json.dumps(entry.to_json()))["association"] == two.number
    assert entry.line().endswith(f"warning #{two.number} Other@b:11112: no association: refused")


def test_associations(book: LogBook) -> None:
    one, two = PeerLog(log, "A@a:1"), PeerLog(log, "B@b:1")
    one.info("asks")
    two.info("asks")
    one.warning("broke")
    one.info("ended")
    latest, first = book.associations()
    assert (latest.association, latest.entries, latest.level) == (two.number, 1, "info")
    assert (first.peer, first.entries, first.level, first.text) == ("A@a:1", 3, "warning", "ended")
    assert first.began <= first.ended


def test_details_on_demand() -> None:
    with LogBook() as book:
        log.debug("a detail")
        book.is_detailed = True
        log.debug("another")
        book.is_detailed = False
        log.debug("a third")
        assert texts(book) == ["another"]
        assert book.entries()[0].level == "debug"


def test_detached_nothing_is_kept_and_the_level_is_as_it_was() -> None:
    logger = logging.getLogger(LOGGER)
    before = logger.level
    book = LogBook().attach()
    book.attach()  # once
    log.info("one")
    book.detach()
    book.detach()
    log.info("two")
    assert texts(book) == ["one"]
    assert logger.level == before


def test_what_could_drive_a_terminal_is_replaced(book: LogBook) -> None:
    log.info("a\x1b[31m\nred %s", "x" * 5000)
    (entry,) = book.entries()
    assert entry.text.startswith("a\N{REPLACEMENT CHARACTER}[31m\N{REPLACEMENT CHARACTER}red")
    assert len(entry.text) == 2001


def test_formats_that_do_not_fit(book: LogBook) -> None:
    book.handle(logging.LogRecord(log.name, logging.INFO, "x.py", 1, "%d of %s", ("x",), None))
    assert texts(book) == ["%d of %s"]


def test_of_an_error_its_kind_and_place_are_kept(book: LogBook) -> None:
    try:
        int("DOE^JOHN")
    except ValueError:
        log.info("not read", exc_info=True)
    (text,) = texts(book)
    assert text.startswith("not read (ValueError in test_logbook.py line ")
    assert "DOE" not in text


def test_callbacks(book: LogBook) -> None:
    calls: list[int] = []
    end = book.on_entry(lambda: calls.append(1))
    log.info("one")
    end()
    end()
    log.info("two")
    assert calls == [1]


def test_many_threads(book: LogBook) -> None:
    def write() -> None:
        for _ in range(200):
            log.info("entry")
            book.entries(limit=3)

    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    numbers = [entry.number for entry in book.entries()]
    assert numbers == list(range(791, 801))


def test_numbers_are_of_the_process() -> None:
    assert PeerLog(log, "a").number < PeerLog(log, "b").number
    assert logbook.CAPACITY >= 1000


def test_an_association_tells_what_becomes_of_it(
    storescp: Callable[..., Any], capsys: pytest.CaptureFixture[str]
) -> None:
    peer = storescp()
    with LogBook(is_detailed=True) as book:
        assert check_node(peer.node).ok
        (one,) = book.associations()
        said = texts(book, association=one.association)
    assert one.peer == f"ANY-SCP@127.0.0.1:{peer.node.port}"
    assert said[:2] == [
        "presentation contexts asked for as DICOMDB: 1",
        "associated; contexts accepted: 1, refused: 0",
    ]
    assert "context 1 accepted: 1.2.840.10008.1.1 in 1.2.840.10008.1.2" in said
    assert said[-1] == "released; requests: 1"
    assert capsys.readouterr().err == ""


def test_both_sides_are_counted_together(phantom_database: Any) -> None:
    with LogBook() as book:
        settings = ListenerSettings(port=0)
        with Listener(phantom_database, settings) as listener:
            host, port = listener.address
            assert check_node(Node("us", host=host, port=port, called_aet=settings.aet)).ok
        peers = {one.peer for one in book.associations()}
    assert peers == {f"DICOMDB@{host}:{port}", f"DICOMDB@{host}"}


def test_an_association_that_there_is_not_tells_why() -> None:
    with LogBook() as book, pytest.raises(NetworkError):
        Association.request(Node("gone", host="127.0.0.1", port=1), [("1.2", "1.2.3")])
    assert texts(book, level="warning") == ["no association: refused"]
