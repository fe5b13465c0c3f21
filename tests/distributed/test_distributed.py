"""Several ranks under mpiexec, which these tests start themselves: they are as one process, and fail as one."""
import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from tinynet import SGD, BatchNorm2d, Linear, Sequential
from tinynet.distributed import ALONE, STARTED_BY, Ranks, ranks

HERE = Path(__file__).parent
MPIEXEC = shutil.which("mpiexec", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]))
MISSING = [what for what, there in (("mpi4py", importlib.util.find_spec("mpi4py")), ("mpiexec", MPIEXEC)) if not there]
if MISSING and os.environ.get("TINYNET_NEEDS_MPI"):
    pytest.fail(f"TINYNET_NEEDS_MPI is set, and there is no {', no '.join(MISSING)}", pytrace=False)
needs_mpi = pytest.mark.skipif(bool(MISSING), reason=f'no {", no ".join(MISSING)}: pip install ".[mpi]"')
OWN = {"OMP_NUM_THREADS": "1", "TINYNET_THREADS": "1", "OMPI_ALLOW_RUN_AS_ROOT": "1",
       "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1", "PRTE_ALLOW_RUN_AS_ROOT": "1", "PRTE_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
       "PYTHONPATH": str(HERE.parents[1])}


def start(n, *arguments, **environment):
    """`program.py`, on n ranks, or for n = 0 without mpiexec; (its status, what it printed)."""
    mpiexec = [MPIEXEC, "--oversubscribe", "--bind-to", "none", "-n", str(n)] if n else []
    done = subprocess.run([*mpiexec, sys.executable, "-W", "error", str(HERE / "program.py"), *map(str, arguments)],
                          env={**os.environ, **OWN, **environment}, capture_output=True, text=True, timeout=120)
    return done.returncode, done.stdout + done.stderr


def arrays(file):
    with np.load(file) as npz:
        return {name: npz[name] for name in npz.files if name != "training/rest"}


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """What one process gives."""
    file = tmp_path_factory.mktemp("alone") / "net.npz"
    assert start(0, "same", file, 1)[0] == 0
    return arrays(file)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The last checkpoint of four ranks that nothing interrupted."""
    folder = tmp_path_factory.mktemp("whole") / "run"
    status, printed = start(4, "run", folder, 3)
    assert status == 0, printed
    assert printed.count("epoch   3") == 1                                            # one speaks for all
    return arrays(folder / "checkpoints" / "last.npz")


@needs_mpi
@pytest.mark.parametrize("n, accumulate, place", [
    (0, 3, "cpu"), (1, 1, "cpu"), (2, 1, "cpu"), (3, 1, "cpu"), (4, 1, "cpu"), (2, 3, "cpu"), (8, 1, "cpu"),
    (2, 1, "simulated")])
def test_ranks_are_as_one_process(n, accumulate, place, alone, tmp_path):
    """Nine steps in float64, the last of each epoch with 5 images: of eight ranks, three have none."""
    status, printed = start(n, "same", tmp_path / "net.npz", accumulate, place)
    assert status == 0, printed
    found = arrays(tmp_path / "net.npz")
    assert found.keys() == alone.keys()
    for name, array in found.items():
        np.testing.assert_allclose(array, alone[name], rtol=1e-10, atol=1e-10, err_msg=name)


FAILURES = {"SIGKILL": "signal 9", "SIGTERM": "stopped in epoch 2, after batch 1",
            "SIGINT": "stopped in epoch 2, after batch 1",
            "weights": "rank 1: Diverged: epoch 2, batch 2: the net's scores hold NaN or infinity",
            "gradient": "the gradient of fc1.W holds NaN or infinity",
            "error": "rank 1: ZeroDivisionError: division by",
            "exit": "rank 1: I leave", "hook": "rank 1: KeyError: 'mine'"}


@needs_mpi
@pytest.mark.parametrize("how, message", FAILURES.items())
def test_if_one_fails_all_end_and_the_run_goes_on_with_the_same_bits(how, message, whole, tmp_path):
    status, printed = start(4, "run", tmp_path / "run", 3, how)
    assert status != 0 and printed.count(message) == 1, printed
    if how not in ("SIGKILL", "SIGTERM", "gradient"):  # as the first of these: nothing is written any more
        return
    status, printed = start(4, "run", tmp_path / "run", 3)
    assert status == 0, printed
    found = arrays(tmp_path / "run" / "checkpoints" / "last.npz")
    assert all(np.array_equal(found[name], whole[name]) for name in whole)


@needs_mpi
def test_on_another_number_of_ranks_it_goes_on_and_says_what_changes(tmp_path):
    assert start(3, "run", tmp_path / "run", 1)[0] == 0
    for n, was in ((2, 3), (0, 2)):
        status, printed = start(n, "run", tmp_path / "run", 3 - n // 2)
        assert status == 0, printed
        assert f"was written by {was} ranks, and goes on with {n or 1}: the batches are the same, dropout's" in printed


@needs_mpi
@pytest.mark.parametrize("what, message", [("data", "data: rank 0 has (21, 8,"), ("order", "order: rank 0 has"),
                                           ("batch", "data: rank 0 has (21, 8,")])
def test_ranks_that_differ_are_refused(what, message, tmp_path):
    status, printed = start(2, "differ", what)
    assert status != 0 and printed.count(f"ValueError: the ranks differ in their {message}") == 1, printed


@needs_mpi
def test_more_ranks_than_images_in_a_batch_are_refused(tmp_path):
    status, printed = start(9, "same", tmp_path / "net.npz", 1)
    assert status != 0 and "at most as many ranks as images in a batch, got 9 ranks and batches of 8" in printed


@needs_mpi
def test_all_go_by_what_rank_0_finds_in_validation(tmp_path):
    status, printed = start(3, "validated", tmp_path / "found.npz")
    assert status == 0, printed
    with np.load(tmp_path / "found.npz") as file:
        rates, errors, weights = (file[name] for name in file.files)
    for of_all in rates, errors, weights:
        np.testing.assert_array_equal(of_all, of_all[:1].repeat(3, axis=0))
    np.testing.assert_allclose(rates[0], [0.01, 0.01, 0.001, 0.0001])
    assert (errors == 0.5).all()


@needs_mpi
def test_all_have_the_same_running_statistics(tmp_path):
    status, printed = start(3, "statistics", tmp_path / "found.npz")
    assert status == 0, printed
    found = arrays(tmp_path / "found.npz").values()
    assert found and all((of_ranks == of_ranks[0]).all() for of_ranks in found)


def test_the_slots_of_the_optimiser_are_rank_0s_too():
    def one(rank, **comm):
        net, team = Sequential(fc=Linear(2, 2)), Ranks.__new__(Ranks)
        sgd = SGD(net.parameters(), 0.1)
        net.backward(net.forward(np.ones((1, 2), np.float32), train=True))
        sgd.step()
        team.rank, team.comm = rank, SimpleNamespace(**comm)
        team.broadcast(net, sgd)
        return [*(p.value for _, p in net.parameters()), *sgd.slots["velocity"].values()]
    sent = []
    first = one(0, Bcast=lambda array: sent.append(array.copy()))
    other = one(1, Bcast=lambda array: np.copyto(array, sent.pop(0)))
    assert not sent and all(map(np.array_equal, first, other)) and len(first) == 4


def test_running_statistics_become_the_mean_of_all_ranks():
    norm, team = BatchNorm2d(2), Ranks.__new__(Ranks)
    norm.running_mean[...], norm.running_var[...] = [1, 2], [3, 4]
    team.size, team.sum = 3, lambda array: 3 * array + 6                 # two others have 3 more each
    team.mean_of_statistics(norm)
    np.testing.assert_array_equal(norm.running_mean, [3, 4])
    np.testing.assert_array_equal(norm.running_var, [5, 6])


@needs_mpi
def test_each_rank_draws_masks_of_its_own_also_without_a_folder(tmp_path):
    status, printed = start(3, "masks", tmp_path / "found.npz")
    assert status == 0, printed
    (drawn,) = arrays(tmp_path / "found.npz").values()                                # (rank, generator, draw)
    assert drawn.shape == (3, 1, 5) and len({of_rank.tobytes() for of_rank in drawn}) == 3


def test_a_missing_mpi4py_is_named(tmp_path):
    (tmp_path / "mpi4py.py").write_text("raise ImportError('there is none')")
    path = os.pathsep.join([str(tmp_path), str(HERE.parents[1])])
    status, printed = start(0, "differ", "data", OMPI_COMM_WORLD_SIZE="2", PYTHONPATH=path)
    assert status == 1
    assert printed.startswith('ImportError: several ranks need mpi4py: pip install "tinynet-papers[mpi]"'), printed


def test_an_mpiexec_of_another_mpi_is_found(tmp_path):
    """Its ranks would each be alone, and train the same net at the same time into the same folder."""
    (tmp_path / "mpi4py.py").write_text("class MPI:\n    class COMM_WORLD:\n        Get_size = staticmethod(lambda: 1)")
    path = os.pathsep.join([str(tmp_path), str(HERE.parents[1])])
    status, printed = start(0, "differ", "data", PMI_SIZE="4", PYTHONPATH=path)
    assert status == 1 and printed.startswith("RuntimeError: mpiexec has started 4 ranks, mpi4py sees 1:"), printed


def test_a_rank_that_leaves_ends_the_others_also_where_nothing_can_be_said(monkeypatch):
    """Without standard error, as after `2>&-`: else they would wait for ever."""
    ended, team = [], Ranks.__new__(Ranks)
    team.rank, team.comm = 1, SimpleNamespace(Abort=ended.append)
    monkeypatch.setattr(sys, "stderr", None)
    team.leave("KeyError: 'mine'")
    assert ended == [1]


def test_alone_nothing_is_imported(monkeypatch):
    for name in STARTED_BY:
        monkeypatch.delenv(name, raising=False)
    ranks.cache_clear()
    assert ranks() is ALONE and "mpi4py" not in sys.modules
