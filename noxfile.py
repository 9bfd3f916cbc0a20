"""Every check a developer runs: `nox -s lint typing tests benchmarks reliability isolated`.

With uv, environments share one copy of torch on disk: each links the files of uv's cache.
"""

from pathlib import Path

import nox

nox.needs_version = ">=2024.10.9"
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.reuse_venv = "yes"
nox.options.sessions = ["lint", "typing", "tests"]

PYPROJECT = nox.project.load_toml("pyproject.toml")
PACKAGES = sorted(path.name for path in Path("packages").iterdir() if path.is_dir())
CODE = ["packages", "tests", "benchmarks", "noxfile.py"]


def install(session: nox.Session, *groups: str) -> None:
    """Install all packages, editable and pinned, with their extras and the tools of some groups."""
    tools = nox.project.dependency_groups(PYPROJECT, *groups)
    session.install("-r", "requirements.txt", "-e", "packages/vsr-model[export]", *tools)


def run_tests(session: nox.Session, *options: str) -> None:
    """Run every test that is not exhaustive, side by side."""
    install(session, "tests")
    session.run(
        "pytest", "tests", "--numprocesses=auto", "--dist=worksteal", *options, *session.posargs
    )


@nox.session
def lint(session: nox.Session) -> None:
    """Style, and who may import whom."""
    install(session, "lint")
    session.run("ruff", "check", *CODE)
    session.run("ruff", "format", "--check", *CODE)
    session.run("lint-imports")


@nox.session
def typing(session: nox.Session) -> None:
    """Strict types."""
    install(session, "typing")
    sources = [f"packages/{name}/src" for name in PACKAGES]
    session.run("mypy", *sources, "noxfile.py")


@nox.session
def tests(session: nox.Session) -> None:
    """Laws of every package."""
    run_tests(session)


@nox.session
def coverage(session: nox.Session) -> None:
    """The same laws, and which branches none of them takes; in twice the time."""
    run_tests(session, "--cov", "--cov-report=term")


@nox.session
def reliability(session: nox.Session) -> None:
    """Every kill, power cut, full disk, terminal, damaged file and fault of docs/reliability.md."""
    install(session, "tests")
    session.run(
        "pytest", "tests/reliability", "tests/model/test_damaged_weights.py",
        "tests/train/test_many_launches.py", "tests/upscale/test_resume.py",
        "-m", "exhaustive or not exhaustive",
        "-o", "junit_family=xunit1", "--junitxml=build/reliability.xml",  # has how many of each
        *session.posargs,
    )  # fmt: skip


@nox.session
def benchmarks(session: nox.Session) -> None:
    """Step throughput and peak memory; with `-- --benchmark-disable` each once, for its answer."""
    install(session, "tests")
    Path("build").mkdir(exist_ok=True)
    if "--benchmark-disable" in session.posargs:
        session.run("pytest", "benchmarks", *session.posargs)
        return
    session.run(
        "pytest", "benchmarks", "--benchmark-enable", "--benchmark-only",
        "--benchmark-json=build/benchmarks.json", *session.posargs,
    )  # fmt: skip


@nox.session
def card(session: nox.Session) -> None:
    """All that only a card can tell, within minutes: laws, memory, speed, films, a training run."""
    install(session, "tests")
    words = session.posargs or ["--out", "build/card"]
    session.run("python", "-m", "benchmarks.card", *words)


@nox.session(reuse_venv=False)  # else a package of the same version would stay
@nox.parametrize("package", PACKAGES)
def isolated(session: nox.Session, package: str) -> None:
    """Each package installs from its own wheel and imports alone, without a warning."""
    session.install("uv")
    dist = session.create_tmp()
    for name in PACKAGES:
        session.run("uv", "build", "--quiet", "--wheel", f"packages/{name}", "--out-dir", dist)
    session.install("--find-links", dist, "-c", "constraints.txt", package)
    session.run("python", "-W", "error", "-c", f"import {package.replace('-', '_')}")
