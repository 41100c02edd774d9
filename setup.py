"""Lists the packages: three root folders are installed inside of ``ritz``. Everything else is in pyproject.toml."""

from setuptools import find_packages, setup

INSIDE = ("solvers", "problems", "figures")

packages = [
    name for name in find_packages(include=["ritz", "ritz.*"]) if name.split(".")[1:2] not in [[i] for i in INSIDE]
]
for folder in INSIDE:
    packages += [f"ritz.{folder}", *(f"ritz.{folder}.{name}" for name in find_packages(folder))]

setup(packages=packages, package_dir={f"ritz.{folder}": folder for folder in INSIDE})
