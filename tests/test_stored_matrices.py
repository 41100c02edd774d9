"""Matrix Market files and archives: what they claim and could not hold, symmetry, and damage of every kind."""

from __future__ import annotations

import gzip
import io
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import scipy.io
import scipy.sparse as sp
from typer.testing import CliRunner

import ritz
from ritz.command_line.cli import app
from ritz.errors import InvalidProblem

BANNER = "%%MatrixMarket matrix"
CLAIMS = {
    "a million million entries": f"{BANNER} coordinate real general\n3 3 1000000000000\n1 1 1\n",
    "a few more than there are": f"{BANNER} coordinate real general\n3 3 4\n1 1 1\n2 2 1\n3 3 1\n",
    "of a pattern": f"{BANNER} coordinate pattern symmetric\n3 3 99999999\n1 1\n",
    "dense": f"{BANNER} array real general\n1000000 1000000\n1\n",
    "dense symmetric": f"{BANNER} array real symmetric\n1000000 1000000\n1\n",
    "dense skew": f"{BANNER} array real skew-symmetric\n1000000 1000000\n1\n",
    "rows": f"{BANNER} coordinate real general\n1000000000000 1000000000000 1\n1 1 1\n",
    "columns": f"{BANNER} coordinate real general\n3 1000000000000 1\n1 1 1\n",
    "beyond 64 bits": f"{BANNER} coordinate real general\n3 3 99999999999999999999999\n1 1 1\n",
    "beyond 64 bits, dense": f"{BANNER} array real general\n99999999999999999999999 99999999999\n1\n",
}
FAULTS = {
    "both triangles": (
        f"{BANNER} coordinate real symmetric\n2 2 4\n1 1 2\n2 1 3\n1 2 3\n2 2 2\n",
        "both entries 2 1 and 1 2",
    ),
    "both triangles, in integers": (f"{BANNER} coordinate integer symmetric\n2 2 2\n2 1 3\n1 2 3\n", "both entries"),
    "both triangles of which one is wrong": (f"{BANNER} coordinate real symmetric\n2 2 2\n2 1 3\n1 2 4\n", "general"),
    "both triangles, skew": (f"{BANNER} coordinate real skew-symmetric\n2 2 2\n2 1 3\n1 2 -3\n", "both entries"),
    "a diagonal, skew": (f"{BANNER} coordinate real skew-symmetric\n2 2 2\n1 1 5\n2 1 3\n", "diagonal"),
    "symmetric and oblong": (f"{BANNER} coordinate real symmetric\n2 3 1\n2 1 3\n", "2 x 3"),
    "fractions called integers": (f"{BANNER} coordinate integer general\n2 2 2\n1 1 1.5\n2 2 1\n", "fractions|alid"),
    "values in a pattern": (f"{BANNER} coordinate pattern general\n2 2 1\n1 1 5\n", "3 fields|banner"),
    "complex values called real": (f"{BANNER} coordinate real general\n2 2 1\n1 1 5 1\n", "banner"),
    "rows of an array": (f"{BANNER} array real general\n2 2\n1 2\n3 4\n", "banner"),
    "too many entries": (f"{BANNER} coordinate real general\n2 2 1\n1 1 1\n2 2 2\n", "[Tt]oo many"),
    "too large a row": (f"{BANNER} coordinate real general\n2 2 1\n3 1 1\n", "out of bounds"),
    "row zero": (f"{BANNER} coordinate real general\n2 2 1\n0 1 1\n", "out of bounds"),
    "a word": (f"{BANNER} coordinate real general\n2 2 1\n1 1 x\n", "letters 'x'"),
    "a word after a number": (f"{BANNER} coordinate real general\n2 2 1\n1 1 1x\n", "letters 'x'"),
    "cut in an exponent": (f"{BANNER} coordinate real general\n2 2 2\n1 1 1\n2 2 1.5E-", "exponent"),
    "an exponent without digits": (f"{BANNER} coordinate real general\n2 2 2\n1 1 1E\n2 2 1.5", "exponent"),
    "cut in an index": (f"{BANNER} coordinate pattern general\n2 2 2\n1 1\n2 ", "claims 2 entries"),
    "no sizes": (f"{BANNER} coordinate real general\n% only comments\n", "sizes"),
    "half of the sizes": (f"{BANNER} coordinate real general\n2 2\n1 1 1\n", "sizes"),
    "negative sizes": (f"{BANNER} coordinate real general\n-2 2 1\n1 1 1\n", "sizes"),
    "words as sizes": (f"{BANNER} coordinate real general\ntwo 2 1\n1 1 1\n", "invalid literal"),
    "a vector": ("%%MatrixMarket vector array real general\n2\n1\n2\n", "begin"),
    "an unknown symmetry": (f"{BANNER} coordinate real triangular\n2 2 1\n1 1 1\n", "triangular"),
    "nothing": ("", "begin"),
}


def written(folder: Path, text: str | bytes, name: str = "stored.mtx") -> Path:
    path = folder / name
    content = text.encode() if isinstance(text, str) else text
    path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    return path


READERS = {
    "system": lambda path: ritz.problems.matrix_market(path),
    "rhs": lambda path: ritz.problems.matrix_market(
        written(path.parent, f"{BANNER} array real general\n1 1\n1\n", "one.mtx"), path
    ),
    "graph": lambda path: ritz.problems.graph(path),
    "symmetrised graph": lambda path: ritz.problems.graph(path, symmetrise=True),
}


@pytest.mark.parametrize("name", ["stored.mtx", "stored.mtx.gz"])
@pytest.mark.parametrize("reader", READERS)
def test_claims_that_a_file_cannot_hold_are_refused_with_its_name(tmp_path, reader, name):
    for claim, text in CLAIMS.items():
        with pytest.raises(InvalidProblem, match=r"stored.*claims") as caught:
            READERS[reader](written(tmp_path, text, name))
        assert "bytes follow" in str(caught.value), claim


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("reader", ["system", "rhs", "graph"])
def test_faults_are_refused_with_the_name_of_the_file(tmp_path, reader, fault):
    text, message = FAULTS[fault]
    with pytest.raises(InvalidProblem, match=f"stored.*({message})"):
        READERS[reader](written(tmp_path, text))


def test_the_command_line_says_so_in_one_line(tmp_path):
    for claim in ("a million million entries", "dense", "rows"):
        path = written(tmp_path, CLAIMS[claim])
        for words in (["matrix-market"], ["graph", "--solver", "spectral-clustering"]):
            result = CliRunner().invoke(app, ["solve", *words, "--path", str(path)])
            assert result.exit_code == 2, result.output
            assert "Traceback" not in result.output
    huge = tmp_path / "huge.npy"
    with huge.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, {"descr": "<f8", "fortran_order": False, "shape": (10**12,)})
    small = written(tmp_path, f"{BANNER} array real general\n1 1\n1\n", "one.mtx")
    result = CliRunner().invoke(app, ["solve", "matrix-market", "--path", str(small), "--rhs", str(huge)])
    assert result.exit_code == 2, result.output


@pytest.mark.parametrize("symmetry", ["general", "symmetric", "skew-symmetric"])
@pytest.mark.parametrize("field", ["real", "integer"])
@pytest.mark.parametrize("dense", [False, True])
def test_files_of_scipy_are_read_as_scipy_reads_them(tmp_path, symmetry, field, dense):
    generator = np.random.default_rng(5)
    A = generator.integers(-9, 10, (17, 17)) * (generator.random((17, 17)) < (1.0 if dense else 0.3))
    A = {"general": A, "symmetric": A + A.T, "skew-symmetric": A - A.T}[symmetry]
    A = A if field == "integer" else A / 7.0
    scipy.io.mmwrite(tmp_path / "a.mtx", A if dense else sp.coo_array(A), symmetry=symmetry, field=field, precision=17)
    content = (tmp_path / "a.mtx").read_bytes()
    for path in (
        tmp_path / "a.mtx",
        written(tmp_path, content, "b.mtx.gz"),
        written(tmp_path, content.replace(b"\n", b"\r\n"), "c.mtx"),
    ):
        read = ritz.problems.matrix_market(path).operator.to_dense()
        np.testing.assert_array_equal(read, A)
    if symmetry == "symmetric" and not dense:
        upper = sp.coo_array(np.triu(A))
        scipy.io.mmwrite(tmp_path / "upper.mtx", upper, symmetry="general", field=field, precision=17)
        text = (tmp_path / "upper.mtx").read_text().replace("general", "symmetric", 1)
        read = ritz.problems.matrix_market(written(tmp_path, text, "upper.mtx")).operator.to_dense()
        np.testing.assert_array_equal(read, A)


def test_patterns_are_graphs_and_no_systems(tmp_path):
    path = written(tmp_path, f"{BANNER} coordinate pattern symmetric\n4 4 3\n2 1\n3 2\n4 3\n")
    assert ritz.problems.graph(path).edges == 3
    with pytest.raises(InvalidProblem, match="pattern"):
        ritz.problems.matrix_market(path)
    path = written(tmp_path, f"{BANNER} coordinate complex hermitian\n2 2 1\n2 1 1 1\n")
    for reader in ("system", "graph"):
        with pytest.raises(InvalidProblem, match="complex"):
            READERS[reader](path)


def archive(folder: Path, **arrays) -> Path:
    np.savez(folder / "stored.npz", **arrays)
    return folder / "stored.npz"


def triangle() -> dict[str, np.ndarray]:
    A = sp.csr_array(np.ones((3, 3)) - np.eye(3))
    return {"indptr": A.indptr, "indices": A.indices, "data": A.data}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"indices": np.array([1, 2, 0, 2, 0, 5_000_000])}, "index is 5000000"),
        ({"indices": np.array([1, 2, 0, 2, 0, -1])}, "index is -1"),
        ({"indices": np.array([1, 2, 0, 2, 0, 2**40])}, "index is 1099511627776|not a readable"),
        ({"indices": np.array([1.0, 2.0, 0.0, 2.0, 0.0, 1.5])}, "float64"),
        ({"indices": np.zeros((2, 3), dtype=int)}, r"\(2, 3\)"),
        ({"indptr": np.array([0, 4, 2, 6])}, "decrease|not a readable"),
        ({"indptr": np.array([1, 2, 4, 6])}, "start|not a readable"),
        ({"indptr": np.array([0, 2, 4, 60])}, "not a readable|entries"),
        ({"indptr": np.array([], dtype=int)}, "not a readable|pointers"),
        ({"data": np.ones(3)}, "not a readable|entries"),
        ({"data": np.array(["a"] * 6)}, "not a readable|cannot|dtype"),
        ({"data": 1j * np.ones(6)}, "complex"),
        ({"labels": np.zeros(7)}, "labels"),
        ({"names": ["a", "a", "b"]}, "names"),
        ({"attr_indptr": np.array([0, 1, 1, 1])}, "attr_indices"),
        (
            {
                "attr_indptr": np.array([0, 1, 1, 1]),
                "attr_indices": np.array([9]),
                "attr_data": np.ones(1),
                "attr_shape": [3, 2],
            },
            "index is 9",
        ),
        ({"indptr": np.array([None, {}], dtype=object)}, "not a readable"),
    ],
)
def test_damaged_archives_are_refused(tmp_path, change, message):
    with pytest.raises(InvalidProblem, match=message):
        ritz.problems.graph(archive(tmp_path, **(triangle() | change)))


def test_archives_of_other_packages_are_refused_with_what_they_lack(tmp_path):
    for kind in ("coo", "dia"):
        sp.save_npz(tmp_path / "stored.npz", sp.csr_array(np.ones((3, 3))).asformat(kind))
        with pytest.raises(InvalidProblem, match=r"stored.*no array 'indptr'"):
            ritz.problems.graph(tmp_path / "stored.npz")
    sp.save_npz(tmp_path / "stored.npz", sp.csr_array(np.ones((3, 3))))
    assert ritz.problems.graph(tmp_path / "stored.npz").edges == 3


def test_archives_that_claim_too_much_are_refused(tmp_path):
    buffer = io.BytesIO()
    np.lib.format.write_array_header_1_0(buffer, {"descr": "<i8", "fortran_order": False, "shape": (10**12,)})
    path = tmp_path / "stored.npz"
    for member in (buffer.getvalue(), buffer.getvalue() + bytes(800), b"\x93NUMPY\x01\x00", b"", bytes(100)):
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as stored:
            stored.writestr("indptr.npy", member)
        with pytest.raises(InvalidProblem, match=r"stored\.npz is not a readable"):
            ritz.problems.graph(path)


@pytest.mark.parametrize("ending", [".npz", ".mtx.gz"])
def test_cut_and_altered_files_are_refused_or_right(tmp_path, ending):
    if ending == ".npz":
        content = archive(tmp_path, **triangle()).read_bytes()
    else:
        text = f"{BANNER} coordinate real symmetric\n3 3 3\n2 1 1\n3 1 1\n3 2 1\n"
        content = written(tmp_path, text, "stored.mtx.gz").read_bytes()
    generator = np.random.default_rng(1)
    for trial in range(150):
        damaged = bytearray(content[: generator.integers(1, len(content))] if trial % 2 else content)
        for place in generator.integers(0, len(damaged), 3 * (1 - trial % 2)):
            damaged[place] ^= 1 << int(generator.integers(8))
        path = tmp_path / f"damaged{ending}"
        path.write_bytes(damaged)
        try:
            assert ritz.problems.graph(path).size < 100
        except InvalidProblem as error:
            assert "damaged" in str(error) or "adjacency" in str(error)  # noqa: PT017


def test_claims_cost_no_memory(tmp_path):
    paths = [str(written(tmp_path, text, f"{number}.mtx")) for number, text in enumerate(CLAIMS.values())]
    code = f"""
import ritz
for path in {paths!r}:
    for reader in (ritz.problems.matrix_market, ritz.problems.graph):
        try:
            reader(path)
        except ritz.InvalidProblem:
            pass
print(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < 1_000_000  # kilobytes
