"""What each package imports from outside itself, and what its pyproject.toml declares."""

import ast
import sys
import tomllib
from pathlib import Path

import pytest

PACKAGES = Path(__file__).parents[1] / "packages"
NAMES = sorted(path.name for path in PACKAGES.iterdir() if (path / "pyproject.toml").is_file())


def declared_by(name):
    """The packages of ours that a package depends on."""
    project = tomllib.loads((PACKAGES / name / "pyproject.toml").read_text())["project"]
    found = {each.partition("==")[0] for each in project["dependencies"]}
    return {each.replace("-", "_") for each in found if each in NAMES}


def imported_by(name):
    """The top-level modules that a package's files import, but its own and the standard library."""
    found = set()
    for path in (PACKAGES / name / "src").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                found |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                found.add(node.module.partition(".")[0])
    return found - {name.replace("-", "_")} - sys.stdlib_module_names


@pytest.mark.parametrize("name", NAMES)
def test_a_package_declares_the_packages_of_ours_that_it_imports_and_no_others(name):
    ours = {each for each in imported_by(name) if each.startswith("vsr_")}
    assert declared_by(name) == ours


def test_files_need_the_standard_library_alone_and_settings_pydantic_alone():
    assert imported_by("vsr-files") == set()
    assert imported_by("vsr-settings") == {"vsr_files", "pydantic", "pydantic_settings"}
