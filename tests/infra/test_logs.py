"""The size of logs is limited while a process writes them; their lines are read completely."""

from infra.logs import bound, last_line, new_lines


def test_long_log_is_moved_aside_and_written_on(tmp_path):
    log = tmp_path / "server.log"
    with log.open("ab", buffering=0) as writer:
        writer.write(b"old\n" * 100)
        bound(log, 1000)
        assert log.stat().st_size == 400
        bound(log, 399)
        writer.write(b"new\n")
    assert log.read_bytes() == b"new\n"
    assert (tmp_path / "server.log.1").read_bytes() == b"old\n" * 100


def test_last_line_is_the_last_that_says_something(tmp_path):
    log = tmp_path / "log"
    log.write_text("first\nlast\n\n  \n")
    assert last_line(log) == "last"


def test_line_is_returned_when_it_is_complete(tmp_path):
    log = tmp_path / "log"
    log.write_text("one\ntw")
    lines, position = new_lines(log, 0)
    assert lines == ["one"]
    log.write_text("one\ntwo\n")
    assert new_lines(log, position)[0] == ["two"]
