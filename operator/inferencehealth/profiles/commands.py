"""The commands that a container runs, taken out of its command, arguments and shell scripts.

A word proves nothing by itself: "vllm" after "pip install" is a package, after "echo" a text, and
only where a command begins is it a program. So scripts are taken apart into simple commands, and
those that only prepare the server (downloads, `cat`, `ray start` …) are left out.
"""

import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

from inferencehealth.workloads import Container

SHELLS = frozenset({"sh", "bash", "ash", "dash", "zsh", "ksh"})

WRAPPERS = frozenset(
    {
        *("catchsegv", "chroot", "command", "conda", "dumb-init", "env", "eval", "exec", "gosu"),
        *("jemalloc.sh", "micromamba", "mpirun", "mpiexec", "nice", "nohup", "nsys", "numactl"),
        *("opentelemetry-instrument", "ddtrace-run", "pipenv", "poetry", "setsid", "stdbuf"),
        *("su-exec", "sudo", "taskset", "time", "timeout", "tini", "tini-static", "torchrun"),
        *("trtllm-llmapi-launch", "unbuffer", "uv", "xargs"),
        *("!", "do", "elif", "else", "if", "then", "until", "while", "{"),
    }
)
"""Words that another command follows; which of their own options take a value is not known."""

_TRANSPARENT = frozenset(
    {"!", "do", "elif", "else", "eval", "exec", "if", "then", "until", "while", "{"}
)
"""Words that the command follows at once, without options."""

HELPERS = frozenset(
    {
        *(".", ":", "[", "[[", "alias", "apk", "apt", "apt-get", "aria2c", "awk", "aws", "az"),
        *("break", "cat", "cd", "chmod", "chown", "continue", "cp", "curl", "date", "declare"),
        *("df", "dnf", "dpkg", "echo", "export", "false", "find", "for", "gcloud", "git"),
        *("grep", "gsutil", "head", "hf", "hostname", "huggingface-cli", "huggingface-downloader"),
        *("id", "ip", "jq", "kill", "kubectl", "ln", "local", "ls", "microdnf", "mkdir", "mount"),
        *("mv", "nc", "nslookup", "nvidia-smi", "pip", "pip3", "pkill", "ping", "printf", "ps"),
        *("pwd", "ray", "read", "rm", "rsync", "s5cmd", "sed", "set", "shift", "sleep", "source"),
        *("ssh-keygen", "sync", "sysctl", "tail", "tar", "tee", "test", "touch", "trap", "true"),
        *("ulimit", "umask", "unset", "unzip", "wait", "wget", "which", "whoami", "yum"),
    }
)
"""Programs that prepare a server or wait for one; looked at only where there is nothing else."""

OPERATORS = frozenset({";", "&", "|", "&&", "||", "(", ")", "\n", ";;", "|&"})

_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*\+?=")
_REFERENCE = re.compile(
    r"\$(?:\((?P<k8s>\w+)\)|\{(?P<brace>\w+)(?::?-(?P<default>[^}]*))?\}|(?P<bare>[A-Za-z_]\w*))"
)
_FLAG_AND_VALUE = re.compile(r"--[\w-]+[ \t]+\S")
_ARRAY = re.compile(r"\b([A-Za-z_]\w*)(\+?)=\(([^()]*)\)")
_ALL_OF_ARRAY = re.compile(r"\"?\$\{([A-Za-z_]\w*)\[[@*]\]\}\"?")
_HEREDOC = re.compile(r"<<-?\s*(['\"]?)(\w+)\1")
_SCRIPT_FLAG = re.compile(r"-[a-z]*c[a-z]*")
_COMMENT = re.compile(r"^\s*#.*|\s#(?:\s.*)?$")
_SUBSTITUTION = re.compile(r"\$\(\([^()]*\)\)|\$\([^()]*\)")
_PYTHON = re.compile(r"(python|pypy)[\d.]*")
_REDIRECTION = re.compile(r"\d*(?:>{1,2}|<)&?.*|&>{1,2}.*")


@dataclass(frozen=True, slots=True)
class Command:
    """One simple command. `words` starts with the program, without its folder."""

    words: tuple[str, ...]
    wrapped: bool = False
    """Another program starts it, so that `words` may begin with options of that other one."""

    def runs(self, program: str) -> bool:
        """Whether it runs that program; "vllm serve" means its subcommand."""
        wanted = tuple(program.split())
        starts = range(len(self.words)) if self.wrapped else range(1)
        return any(self._at(start, wanted) for start in starts)

    def module(self) -> str:
        """The Python module that it runs, if it runs one by `python -m`."""
        found = next((n for n, word in enumerate(self.words) if _PYTHON.fullmatch(_base(word))), -1)
        if found < 0 and not (self.wrapped and "-m" in self.words):
            return ""
        rest = self.words[found + 1 :]
        return next((second for first, second in pairwise(rest) if first == "-m"), "")

    def _at(self, start: int, wanted: tuple[str, ...]) -> bool:
        said = self.words[start : start + len(wanted)]
        return bool(said) and (_base(said[0]), *said[1:]) == wanted


def commands(container: Container) -> tuple[Command, ...]:
    """The simple commands that the container runs, without those that only prepare the server.

    Arguments alone, which the image's entry point gets, count as one command. References to
    plain environment variables and to variables of the script itself are followed.
    """
    argv = (*container.command, *container.args)
    # Every profile asks, and most command lines refer to nothing around them.
    return _serving(argv, container.env) if "$" in "".join(argv) else _alone(argv)


@lru_cache(maxsize=64)
def _alone(argv: tuple[str, ...]) -> tuple[Command, ...]:
    """The same for a command line that refers to no variable."""
    return _serving(argv, {})


def _serving(argv: tuple[str, ...], env: Mapping[str, str]) -> tuple[Command, ...]:
    found = commands_of(argv, env)
    return tuple(one for one in found if not _helps(one)) or found


def commands_of(argv: tuple[str, ...], env: Mapping[str, str]) -> tuple[Command, ...]:
    """All simple commands of a command line, with those that only prepare."""
    return tuple(_commands(argv, env))


def expand(word: str, env: Mapping[str, str]) -> str:
    """The word with references to the environment replaced; unknown ones stay as they are.

    Understands $(NAME) as Kubernetes does, and $NAME, ${NAME}, ${NAME:-default} as shells do.
    """

    def value(match: re.Match[str]) -> str:
        name = match["k8s"] or match["brace"] or match["bare"]
        return env.get(name) or match["default"] or match[0]

    return _REFERENCE.sub(value, word)


def _commands(argv: tuple[str, ...], env: Mapping[str, str]) -> Iterator[Command]:
    script = _shell_script(argv)
    if script is None:
        script = _spaced(argv)
    if script is None:
        if argv:
            yield _simple(tuple(expand(word, env) for one in argv for word in _flag_words(one)))
        return
    known = dict(env)
    text = _without_arrays(_expand_kubernetes(script, env))
    for said in _split(_SUBSTITUTION.sub("${?}", text)):
        exported = said[1:] if said[0] in {"export", "declare", "local"} else _assignments(said)
        for word in exported:
            name, equals, value = word.partition("=")
            if equals:
                known[name] = expand(value, known)
        plain = tuple(_expanded(said[len(_assignments(said)) :], known))
        if plain and _shell_script(plain) is not None:
            yield from _commands(plain, known)
        elif plain:
            yield _simple(plain)


def _shell_script(argv: tuple[str, ...]) -> str | None:
    """The script that a shell among the words is given by -c."""
    shell = next((n for n, word in enumerate(argv) if _base(word) in SHELLS), len(argv))
    for number, option in enumerate(argv[shell + 1 :], start=shell + 1):
        if _SCRIPT_FLAG.fullmatch(option):
            return argv[number + 1] if number + 1 < len(argv) else None
        if not option.startswith(("-", "+")) and option != "pipefail":
            return None
    return None


def _spaced(argv: tuple[str, ...]) -> str | None:
    """A whole command line that was written as one word."""
    if not argv or argv[0][:1] in {"-", "{", "["} or not re.search(r"\S\s+\S", argv[0]):
        return None
    return " ".join((argv[0], *map(shlex.quote, argv[1:])))


def _flag_words(word: str) -> list[str]:
    """A flag and its value where both were written as one word, which start scripts take apart."""
    return word.split() if _FLAG_AND_VALUE.match(word) else [word]


def _expanded(words: tuple[str, ...], known: Mapping[str, str]) -> Iterator[str]:
    """The words expanded; a word that is a variable as a whole falls apart at its spaces."""
    for word in words:
        whole = _REFERENCE.fullmatch(word) is not None
        yield from expand(word, known).split() if whole else [expand(word, known)]


def _without_arrays(script: str) -> str:
    """The script with bash's arrays of words put in where "${NAME[@]}" stands."""
    arrays: dict[str, str] = {}
    for name, more, content in _ARRAY.findall(script):
        before = f"{arrays.get(name, '')} " if more else ""
        arrays[name] = before + " ".join(_COMMENT.sub("", line) for line in content.splitlines())
    if not arrays:
        return script
    rest = _ARRAY.sub("", script)
    return _ALL_OF_ARRAY.sub(lambda match: arrays.get(match[1], match[0]), rest)


def _expand_kubernetes(script: str, env: Mapping[str, str]) -> str:
    return re.sub(r"\$\((\w+)\)", lambda match: env.get(match[1]) or match[0], script)


def _split(script: str) -> Iterator[tuple[str, ...]]:
    words: list[str] = []
    for word in _script_words(script):
        if word in OPERATORS or (word and set(word) <= set(";&|()\n")):
            if words:
                yield tuple(words)
            words = []
        else:
            words.append(word)
    if words:
        yield tuple(words)


def _script_words(script: str) -> list[str]:
    text = _without_heredocs(script.replace("\\\r\n", " ").replace("\\\n", " "))
    text = "\n".join(_COMMENT.sub("", line) for line in text.splitlines())
    lexer = shlex.shlex(text, posix=True, punctuation_chars=";&|()\n")
    lexer.whitespace = " \t\r"
    lexer.whitespace_split = True
    lexer.commenters = ""
    try:
        return list(lexer)
    except ValueError:  # an unclosed quote: the plain words are still worth reading
        return text.replace("\n", " ; ").split()


def _without_heredocs(script: str) -> str:
    kept: list[str] = []
    end = ""
    for line in script.splitlines():
        if end:
            end = "" if line.strip() == end else end
            continue
        opened = _HEREDOC.search(line)
        kept.append(_HEREDOC.sub("", line))
        end = opened[2] if opened else ""
    return "\n".join(kept)


def _simple(words: tuple[str, ...]) -> Command:
    plain = tuple(word for word in words if not _REDIRECTION.fullmatch(word))
    rest = plain[len(_assignments(plain)) :]
    wrapped = False
    while rest and (_base(rest[0]) in WRAPPERS or rest[0] == "--" or _ASSIGNMENT.match(rest[0])):
        wrapped = wrapped or _base(rest[0]) not in _TRANSPARENT
        rest = rest[1:]
    return Command(rest or plain, wrapped=wrapped)


def _assignments(words: tuple[str, ...]) -> tuple[str, ...]:
    count = 0
    while count < len(words) and _ASSIGNMENT.match(words[count]):
        count += 1
    return words[:count]


def _helps(command: Command) -> bool:
    if not command.words:
        return True
    program = _base(command.words[0])
    pip = _PYTHON.fullmatch(program) is not None and command.module() in {"pip", "venv"}
    return program in HELPERS or pip


def _base(word: str) -> str:
    return word.rpartition("/")[2]
