"""The cache of built servers: equal inputs are built once, and a failure leaves nothing."""

from pathlib import Path

import pytest

from e2e.servers import cache


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def folder(path: Path, files: dict[str, str]) -> Path:
    for name, content in files.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_text(content)
    return path


def test_a_folder_counts_by_its_content_and_not_by_its_place(tmp_path: Path) -> None:
    files = {"a": "1", "sub/b": "2"}
    here, there = folder(tmp_path / "here", files), folder(tmp_path / "there", files)
    assert cache.key(here) == cache.key(there)


@pytest.mark.parametrize(
    "changed", [{"a": "1", "sub/b": "3"}, {"a": "1", "sub/c": "2"}, {"a": "1"}]
)
def test_any_change_in_a_folder_changes_its_key(tmp_path: Path, changed: dict[str, str]) -> None:
    before = folder(tmp_path / "before", {"a": "1", "sub/b": "2"})
    after = folder(tmp_path / "after", changed)
    assert cache.key(before) != cache.key(after)


def test_a_file_made_executable_changes_the_key(tmp_path: Path) -> None:
    inputs = folder(tmp_path / "inputs", {"run": "#!"})
    before = cache.key(inputs)
    (inputs / "run").chmod(0o755)
    assert cache.key(inputs) != before


def test_compiled_python_does_not_count(tmp_path: Path) -> None:
    inputs = folder(tmp_path / "inputs", {"a.py": "1"})
    before = cache.key(inputs)
    folder(inputs, {"__pycache__/a.pyc": "x"})
    assert cache.key(inputs) == before


def test_neighbouring_texts_do_not_run_into_each_other() -> None:
    assert cache.key("ab", "c") != cache.key("a", "bc")


def test_an_entry_is_built_once() -> None:
    built: list[Path] = []

    def build(target: Path) -> None:
        built.append(target)
        target.write_text("content")

    first, second = cache.obtain("entry", build), cache.obtain("entry", build)
    assert first == second
    assert first.read_text() == "content"
    assert len(built) == 1


def test_a_failed_build_leaves_no_entry_and_is_tried_again() -> None:
    def fail(target: Path) -> None:
        target.write_text("half")
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        cache.obtain("entry", fail)
    assert [each.name for each in cache.root().iterdir()] == [".entry.lock"]
    assert cache.obtain("entry", lambda target: target.touch()).exists()


def test_what_a_killed_build_left_goes_with_the_next_one() -> None:
    abandoned = folder(cache.root() / ".entry.abc", {"half": ""})
    cache.obtain("entry", lambda target: target.touch())
    assert not abandoned.exists()
