"""Evolution equations: orders, tolerances, conservation, events, checkpoints, and what bad input is told."""

import pickle
import warnings
from types import SimpleNamespace

import numpy as np
import pytest
from scipy.integrate import solve_ivp
from scipy.linalg import expm

import ritz
from ritz import problems
from ritz.operators import Stencil
from ritz.problem_types import Evolution, PDESystem
from ritz.registry import problems as registry

N = 24
X = (np.arange(N) + 0.5) / N
SQUARE = [(0.0, 1.0), (0.0, 1.0)]


def growth(t, u):
    return 3.0 * u * (1.0 - u)


def forcing(t):
    return np.sin(3.0 * t) * np.cos(np.pi * X)


def logistic(times=(0.0, 1.0), **changes):
    """Return a nonlinear equation with diffusion and a forcing that depends on time."""
    operator = Stencil(N, spacing=1 / N, boundary="neumann", coefficient=0.05)
    given = {"forcing": forcing, "reaction": growth, **changes}
    return Evolution(operator, 1.0 + 0.3 * np.cos(np.pi * X), times, **given)


@pytest.fixture(scope="module")
def reference():
    problem = logistic()
    rate = lambda t, u: problem.rate(t, u)  # noqa: E731
    return solve_ivp(rate, (0.0, 1.0), problem.initial, method="Radau", rtol=1e-11, atol=1e-13).y[:, -1]


METHODS = [("imex", 2), ("imex", 3), ("imex", 4), ("sdirk", 2), ("sdirk", 3), ("sdirk", 4), ("bdf2", 2)]


@pytest.mark.parametrize(("method", "order"), METHODS)
def test_errors_fall_with_the_order(method, order, reference):
    errors = [
        np.linalg.norm(ritz.solve(logistic(), method=method, order=order, step=1 / n, rtol=1e-11).x - reference)
        for n in (20, 40)
    ]
    slopes = np.log2(np.array(errors[:-1]) / errors[1:])
    assert slopes[-1] == pytest.approx(order, abs=0.15)


@pytest.mark.parametrize("implicit", [False, True])
@pytest.mark.parametrize("jacobian", [None, lambda t, u: 3.0 - 6.0 * u])
def test_implicit_reactions_give_the_same_with_and_without_a_jacobian(implicit, jacobian, reference):
    options = {"method": "bdf2", "implicit_reaction": True} if implicit else {"method": "sdirk", "order": 3}
    trajectory = ritz.solve(logistic(jacobian=jacobian), rtol=1e-6, **options)
    assert np.linalg.norm(trajectory.x - reference) < 1e-4 * np.linalg.norm(reference)
    assert (trajectory.stats["factorisations"] > 0) == (jacobian is not None)


@pytest.mark.parametrize(("method", "order"), [("imex", 3), ("imex", 4), ("sdirk", 4), ("bdf2", 2)])
def test_errors_follow_the_tolerance(method, order, reference):
    for rtol in (1e-3, 1e-4):
        trajectory = ritz.solve(logistic(), method=method, order=order, rtol=rtol)
        assert np.linalg.norm(trajectory.x - reference) < 20 * rtol * np.linalg.norm(reference)
        assert trajectory.residual <= 1.01 * rtol
        assert trajectory.history.shape == (trajectory.iterations + 1,)
        assert trajectory.step_times[-1] == 1.0


def test_linear_equations_agree_with_the_exponential_and_lose_stiff_parts():
    operator = Stencil(N, spacing=1 / N)
    start = np.ones(N)  # which contradicts the walls
    exact = expm(-0.1 * operator.to_dense()) @ start
    for method in ("sdirk", "bdf2"):
        trajectory = ritz.solve(Evolution(operator, start, [0.0, 0.1]), method=method, rtol=1e-6)
        assert trajectory.error(exact) < 1e-4
    huge = Evolution(1e9 * np.eye(3), np.ones(3), [0.0, 1.0])
    for order in (2, 3, 4):
        assert abs(ritz.solve(huge, order=order, step=0.1).x).max() < 1e-6


@pytest.mark.parametrize("scale", [1e-200, 1e200])
def test_numbers_of_any_size(scale):
    operator = Stencil(N, spacing=1 / N)
    one = ritz.solve(Evolution(operator, np.sin(np.pi * X), [0.0, 0.1]))
    other = ritz.solve(Evolution(operator, scale * np.sin(np.pi * X), [0.0, 0.1]))
    assert other.iterations == one.iterations
    np.testing.assert_allclose(other.x / scale, one.x, rtol=1e-9)


@pytest.mark.parametrize(("method", "solid"), [("sdirk", True), ("imex", False), ("bdf2", True)])
def test_closed_boxes_keep_their_mass(method, solid):
    mask = np.zeros((24, 20), dtype=bool)
    mask[8:14, 5:11] = solid
    operator = Stencil(mask.shape, spacing=1 / 24, boundary="neumann", solid=mask, solid_boundary="neumann")
    start = np.where(mask, 0.0, np.random.default_rng(0).random(mask.shape)).ravel()
    evolution = Evolution(operator, start, [0.0, 0.05, 0.5], reaction=None if method == "sdirk" else lambda t, u: 0 * u)
    trajectory = ritz.solve(evolution, method=method, rtol=1e-5)
    sums = trajectory.states.sum(axis=1)
    assert abs(sums - sums[0]).max() < 1e-5 * sums[0]
    assert np.ptp(trajectory.x[~mask.ravel()]) < 0.01 * np.ptp(start)


def test_manufactured_solution_of_a_pde_with_data_in_time():
    def exact(x, y, t):
        return np.exp(-t) * np.cos(x) * (1 + y**2)

    errors = []
    for shape in (10, 20):
        pde = ritz.PDE(
            SQUARE,
            {(2, 0): -1.0, (0, 2): -0.5},
            source=lambda x, y, t: np.exp(-t) * np.cos(x) * (-1.0),
            boundary=exact,
            conditions={"y+": "neumann", "x+": "neumann"},
            normal_derivative={
                "y+": lambda x, y, t: 2 * y * np.exp(-t) * np.cos(x),
                "x+": lambda x, y, t: -np.exp(-t) * np.sin(x) * (1 + y**2),
            },
            initial=lambda x, y: exact(x, y, 0.0),
            exact=exact,
        )
        evolution = pde.evolution([0.0, 0.5], shape)
        errors.append(ritz.solve(evolution, rtol=1e-6).error(evolution.exact))
    assert np.log2(errors[-2] / errors[-1]) == pytest.approx(2.0, abs=0.2)


@pytest.mark.parametrize("conditions", ["neumann", {"x+": "neumann"}])
def test_variable_coefficients_go_to_finite_differences(conditions):
    def exact(x, t):
        return np.exp(-t) * np.cos(np.pi * x)

    errors = []
    for shape in (20, 40):
        pde = ritz.PDE(
            (0.0, 1.0),
            {2: lambda x: -(1 + x), 1: 0.3},
            source=lambda x, t: (
                -exact(x, t) + (1 + x) * np.pi**2 * exact(x, t) - 0.3 * np.pi * np.exp(-t) * np.sin(np.pi * x)
            ),
            boundary=exact,
            conditions=conditions,
            initial=lambda x: exact(x, 0.0),
        )
        evolution = pde.evolution([0.0, 0.3], shape)
        trajectory = ritz.solve(evolution, rtol=1e-6)
        errors.append(trajectory.error(exact(evolution.grid.axes[0], 0.3)))
    assert np.log2(errors[-2] / errors[-1]) == pytest.approx(2.0, abs=0.2)


def test_a_source_heats_a_closed_box():
    pde = ritz.PDE((0.0, 1.0), {2: lambda x: -1.0 + 0 * x}, source=2.0, conditions="neumann", initial=1.0)
    np.testing.assert_allclose(ritz.solve(pde, times=[0.0, 3.0], shape=20).x, 7.0, rtol=1e-4)


def test_reactions_of_a_pde():
    pde = ritz.PDE(
        (0.0, 1.0), {2: -1e-3}, conditions="neumann", initial=0.5, reaction=(lambda u: u**2, lambda u: 2 * u)
    )
    for method in ("imex", "sdirk"):  # du/dt = -u^2
        trajectory = ritz.solve(pde, times=[0.0, 2.0], shape=16, method=method, rtol=1e-6)
        np.testing.assert_allclose(trajectory.x, 1 / (2 + 2.0), rtol=1e-5)


def two_fields(**changes):
    def field(rate, start, **more):
        return ritz.PDE(SQUARE, {(2, 0): -rate, (0, 2): -rate}, conditions="neumann", initial=start, **more)

    fields = {"prey": field(0.01, lambda x, y: 1 + 0.5 * np.cos(np.pi * x)), "hunters": field(0.02, 0.5)}
    coupling = {"prey": lambda p, h: p * h - p, "hunters": lambda p, h: h - p * h}
    return PDESystem(**{"fields": fields, "coupling": coupling, **changes})


def test_coupled_fields_agree_with_scipy():
    evolution = two_fields().evolution([0.0, 1.0, 2.0], 6)
    peer = ritz.solve(evolution, "scipy-solve-ivp", method="Radau", rtol=1e-8)
    for options in ({}, {"method": "sdirk"}, {"method": "bdf2"}):
        trajectory = ritz.solve(evolution, rtol=1e-6, **options)
        assert trajectory.error(peer.x) < 1e-4
        assert trajectory["prey"].shape == (3, 36)
    np.testing.assert_allclose(trajectory.at(1.0, "hunters"), trajectory["hunters"][1])
    assert trajectory.on_grid(2.0, "prey").shape == (6, 6)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("gray-scott", {"shape": (24, 20), "times": [0, 20, 60]}),
        ("fitzhugh-nagumo", {"shape": (24, 24), "times": [0, 10]}),
        ("moving-heat-source", {"shape": (24, 28), "times": [0, 0.1], "obstacles": 2}),
        ("viscous-burgers", {"shape": 60, "viscosity": 0.02, "times": [0, 0.2]}),
        ("viscous-burgers", {"shape": 100, "viscosity": 0.01, "times": [0, 0.2], "start": "front"}),
    ],
)
def test_problems_agree_with_scipy(name, options):
    problem = registry[name](**options)
    peer = ritz.solve(problem, "scipy-solve-ivp", method="BDF", rtol=1e-8)
    for method in ("imex", "sdirk"):
        trajectory = ritz.solve(problem, method=method, rtol=1e-6)
        assert trajectory.error(peer.x) < 1e-4
    if problem.exact is not None:
        assert trajectory.error(problem.exact) < 5e-3


def test_stiff_reactions_are_implicit_by_default():
    stiff = logistic(reaction=lambda t, u: -1e6 * (u - np.cos(t)), jacobian=lambda t, u: -1e6 + 0 * u)
    trajectory = ritz.solve(stiff)
    assert trajectory.stats["method"] == "sdirk"
    assert trajectory.iterations < 100
    np.testing.assert_allclose(trajectory.x, np.cos(1.0), rtol=1e-3)
    assert ritz.solve(logistic()).stats["method"] == "imex"


def test_dense_output_is_as_good_as_the_steps(reference):
    trajectory = ritz.solve(logistic(times=[0.0, 0.1, 0.35, 1.0]), rtol=1e-6, dense=True)
    for t in (0.05, 0.35, 0.777):
        exact = ritz.solve(logistic(times=[0.0, t]), rtol=1e-9).x
        assert np.linalg.norm(trajectory.at(t) - exact) < 2e-5 * np.linalg.norm(exact)
    np.testing.assert_array_equal(trajectory.at(1.0), trajectory.x)


def test_events_are_found_and_stop():
    def half(t, u):
        return u[0] - 0.5

    def never(t, u):
        return u[0] + 1.0

    decay = Evolution(np.eye(1), np.ones(1), [0.0, 3.0])
    trajectory = ritz.solve(decay, events=[half, never], rtol=1e-8)
    times, states = trajectory.events[0]
    np.testing.assert_allclose(times, np.log(2.0), rtol=1e-6)
    np.testing.assert_allclose(states, 0.5, rtol=1e-12)
    assert trajectory.events[1][0].size == 0
    half.direction = 1
    assert ritz.solve(decay, events=[half]).events[0][0].size == 0
    half.direction, half.terminal = -1, True
    stopped = ritz.solve(decay, events=[half], rtol=1e-8)
    assert stopped.converged
    assert stopped.step_times[-1] == pytest.approx(np.log(2.0), rel=1e-6)
    assert "event" in stopped.stats["ended"]


@pytest.mark.parametrize("options", [{}, {"method": "sdirk", "jac": True}, {"method": "bdf2"}, {"obstacle": True}])
def test_a_resumed_run_is_the_same_to_the_last_bit(options, tmp_path):
    jacobian = (lambda t, u: 3.0 - 6.0 * u) if options.pop("jac", False) else None
    evolution = logistic(times=[0.0, 0.3, 1.0], jacobian=jacobian)
    if options.pop("obstacle", False):
        evolution = problems.moving_heat_source((20, 20), obstacles=2, times=[0.0, 0.3, 1.0])
    options = {"rtol": 1e-4, "dense": True, "checkpoint_every": 7, **options}
    whole = ritz.solve(evolution, **options)
    path = tmp_path / "run.npz"
    stopped = ritz.solve(evolution, checkpoint=path, callback=lambda k, u, t: t > 0.4, throw=False, **options)
    assert stopped.status is ritz.Status.INTERRUPTED
    assert 0.4 < stopped.step_times[-1] < 1.0
    resumed = ritz.solve(evolution, checkpoint=path, **options)
    assert resumed.stats["resumed at step"] == stopped.iterations
    for name in ("x", "states", "step_times", "history"):
        np.testing.assert_array_equal(getattr(resumed, name), getattr(whole, name))
    np.testing.assert_array_equal(resumed.dense[1], whole.dense[1])
    again = ritz.solve(evolution, checkpoint=path, **options)
    np.testing.assert_array_equal(again.x, whole.x)
    with pytest.raises(ritz.InvalidProblem, match="belongs to another problem"):
        ritz.solve(evolution, checkpoint=path, **{**options, "rtol": 1e-3})
    path.write_bytes(b"PK")
    with pytest.raises(ritz.InvalidProblem, match="cannot be read"):
        ritz.solve(evolution, checkpoint=path, **options)


def test_a_blow_up_keeps_the_last_good_time():
    square = {"reaction": lambda t, u: u**2, "jacobian": lambda t, u: 2 * u}  # u = 1 / (1 - t)
    problem = Evolution(np.zeros((1, 1)), np.ones(1), [0.0, 2.0], **square)
    for method in ("imex", "sdirk"):
        with pytest.raises(ritz.ConvergenceError, match=r"STEP_TOO_SMALL at t = (1\.000|0\.999)\d* of 2") as error:
            ritz.solve(problem, method=method, order=3)
        assert np.isfinite(error.value.solution.x).all()
        assert error.value.solution.times.tolist() == [0.0]
    sudden = logistic(reaction=lambda t, u: u if t < 0.5 else np.full(N, np.nan))
    ended = ritz.solve(sudden, throw=False)
    assert ended.status is ritz.Status.STEP_TOO_SMALL
    assert ended.step_times[-1] == pytest.approx(0.5)
    assert ritz.solve(sudden, step=0.1, throw=False).status is ritz.Status.NON_FINITE


def test_limits_callbacks_and_starts():
    seen = []
    limited = ritz.solve(logistic(), maxiter=3, throw=False, callback=lambda k, u, t: seen.append((k, t)))
    assert limited.status is ritz.Status.MAX_ITERATIONS
    assert [k for k, _ in seen] == [1, 2, 3]
    assert seen[-1][1] == limited.step_times[-1]
    assert ritz.solve(logistic(), max_step=0.01).iterations >= 100
    first = ritz.solve(logistic(), first_step=1e-4).step_times
    assert first[1] <= 1e-4
    other = ritz.solve(logistic(), x0=np.ones(N))
    np.testing.assert_array_equal(other.states[0], 1.0)


def test_evolutions_and_trajectories_pickle():
    trajectory = ritz.solve(logistic())
    again = pickle.loads(pickle.dumps(trajectory))
    np.testing.assert_array_equal(again.at(1.0), trajectory.x)
    assert ritz.solve(pickle.loads(pickle.dumps(logistic()))).x.tolist() == trajectory.x.tolist()


def test_initial_values_that_contradict_the_boundary_are_reported_with_the_jump():
    pde = ritz.PDE(SQUARE, {(2, 0): -1.0, (0, 2): -1.0}, initial=1.0, boundary=0.25, conditions={"y-": "neumann"})
    with pytest.warns(UserWarning, match=r"initial is 1 and boundary 0.25 at .* on side x-, a jump of 0.75"):
        ritz.solve(pde, times=[0.0, 0.01], shape=8)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        good = ritz.PDE((0.0, 1.0), {2: -1.0}, initial=lambda x: np.sin(np.pi * x))
        ritz.solve(good, times=[0.0, 0.01], shape=8)


HEAT = ritz.PDE((0.0, 1.0), {2: -1.0}, initial=lambda x: np.sin(np.pi * x))


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: ritz.solve(HEAT, times=[0.0, 0.2, 0.1]), r"times\[1\] = 0.2 is followed by 0.1"),
        (lambda: ritz.solve(HEAT, times=[0.0, 0.0]), "times must increase"),
        (lambda: ritz.solve(HEAT, times=[0.0]), "at least two increasing numbers"),
        (lambda: ritz.solve(HEAT, times=[0.0, np.inf]), "times must be finite"),
        (lambda: ritz.solve(HEAT, times="soon"), "times is 'soon'"),
        (lambda: ritz.solve(np.eye(2), np.ones(2), times=[0, 1]), "times are given for a LinearSystem"),
        (lambda: ritz.solve(ritz.PDE((0.0, 1.0), {2: -1.0}), times=[0, 1]), "initial is None"),
        (lambda: ritz.PDE((0.0, 1.0), {2: -1.0}, source=lambda x, t: x), "source is a function of time"),
        (lambda: ritz.solve(HEAT, times=[0, 1], shape=(4, 4)), r"shape is \(4, 4\)"),
        (lambda: ritz.solve(HEAT, times=[0, 1], method="euler"), "method"),
        (lambda: ritz.solve(HEAT, times=[0, 1], order=5), "order is 5"),
        (lambda: ritz.solve(HEAT, times=[0, 1], step=-1.0), "step is -1.0"),
        (lambda: ritz.solve(HEAT, times=[0, 1], max_step=0.0), "max_step is 0.0"),
        (lambda: ritz.solve(HEAT, times=[0, 1], events=[3]), "events is"),
        (lambda: ritz.solve(HEAT, times=[0, 1], events=[lambda t, u: u]), "an event returns"),
        (lambda: ritz.solve(HEAT, times=[0, 1], checkpoint_every=0), "checkpoint_every is 0"),
        (lambda: ritz.solve(HEAT, times=[0, 1], implicit_reaction=True), "implicit_reaction"),
        (lambda: ritz.solve(HEAT, times=[0, 1], linear_solver=3), "solver is a int"),
        (lambda: Evolution(np.eye(2), np.ones(3), [0, 1]), r"initial has shape \(3,\)"),
        (lambda: Evolution(np.eye(2), [np.nan, 1], [0, 1]), "initial has 1 entries that are NaN"),
        (lambda: Evolution({"u": np.eye(2)}, {"v": np.ones(2)}, [0, 1]), r"initial names \['v'\]"),
        (lambda: Evolution({"u": np.eye(2), "v": np.eye(3)}, np.ones((2, 2)), [0, 1]), "operators have the shapes"),
        (lambda: Evolution(np.eye(2), np.ones(2), [0, 1], forcing=np.ones(3)), "forcing has shape"),
        (lambda: Evolution(np.eye(2), np.ones(2), [0, 1], reaction=3), "reaction is 3"),
        (lambda: Evolution(np.eye(2), np.ones(2), [0, 1], reaction=lambda t, u: u[:1]), "what reaction returns"),
        (lambda: Evolution(np.eye(2), np.ones(2), [0, 1], jacobian=lambda t, u: u), "reaction is None"),
        (lambda: Evolution(np.eye(2), np.ones(2), [0, 1], mass=[1, 0]), "mass must be positive"),
        (lambda: Evolution(np.eye(2), np.ones(2), [0, 1], mass=[1]), "mass has shape"),
        (lambda: ritz.solve(Evolution(np.eye(2), np.ones(2), [0, 1]), x0=np.ones(3)), "x0 has shape"),
        (lambda: two_fields(coupling={"wolves": lambda p, h: p}), "coupling names 'wolves'"),
        (lambda: two_fields(coupling={"prey": lambda p: p}), "cannot be called with 2 arrays"),
        (lambda: two_fields(coupling={"prey": lambda p, h: p[:1]}), "returns float64 of shape"),
        (lambda: two_fields(coupling={"prey": 2}), r"coupling\['prey'\] is 2"),
        (lambda: two_fields(coupling=[1]), "coupling is"),
        (lambda: PDESystem({"u": 3}, {}), r"fields\['u'\] is a int"),
        (lambda: PDESystem({}, {}), "fields is {}"),
        (lambda: PDESystem({"u": HEAT, "v": ritz.PDE((0.0, 2.0), {2: -1.0}, initial=0.0)}, {}), "domain of v"),
        (lambda: PDESystem({"u": HEAT, "v": ritz.PDE((0.0, 1.0), {2: -1.0})}, {}), r"initial is None for \['v'\]"),
        (lambda: problems.flow_past_obstacles(mask=np.zeros((160, 64), dtype=bool)), "mask is False everywhere"),
        (lambda: problems.flow_past_obstacles(mask=np.ones((160, 64), dtype=bool)), "first or last two columns"),
        (lambda: problems.flow_past_obstacles(mask=np.arange(160)[:, None] * np.ones(64) == 80), "blocks the channel"),
        (lambda: problems.flow_past_obstacles(walls="sticky"), "walls"),
    ],
)
def test_bad_input_is_named(call, said):
    with pytest.raises((ritz.InvalidProblem, ritz.UnknownName), match=said):
        call()


def test_trajectories_know_what_they_hold(tmp_path):
    trajectory = ritz.solve(two_fields(), times=[0.0, 0.1], shape=8)
    for call, said in (
        (lambda: trajectory.at(0.05), "dense=True"),
        (lambda: trajectory.at(0.2), "goes from 0 to 0.1"),
        (lambda: trajectory.at(0.1, "foxes"), "foxes"),
        (lambda: trajectory.on_grid(0.1), "name one of prey, hunters"),
        (lambda: trajectory.animate(tmp_path / "film.avi"), r"ends in .gif or .mp4"),
    ):
        with pytest.raises((ritz.InvalidProblem, ritz.UnknownName), match=said):
            call()
    assert "t = 0.1" in repr(trajectory)


def test_plots_and_films(tmp_path):
    from PIL import Image

    plane = ritz.solve(two_fields(), times=[0.0, 0.1, 0.2], shape=8, dense=True)
    assert len(plane.plot().axes) == 6 + 2  # with colour bars
    line = ritz.solve(HEAT, times=[0.0, 0.05, 0.1], shape=8)
    assert len(line.plot().axes[0].lines) == 3
    for trajectory, options, frames in ((plane, {"field": "hunters", "frames": 2}, 2), (line, {}, 3)):
        with Image.open(trajectory.animate(tmp_path / "film.gif", **options)) as film:
            assert film.n_frames == frames
    box = Evolution(Stencil((4, 4, 4)), np.ones(64), [0, 1], grid=ritz.Grid.uniform((4, 4, 4)))
    assert len(ritz.solve(box).plot().axes) == 3


def test_flow_past_a_square_balances_its_drag():
    problem = problems.flow_past_obstacles((64, 24), reynolds=10.0, steps=400)
    state = ritz.solve(problem, rtol=1e-9).state
    u, v = state.velocity
    h, nu = 1 / 24, 4 / 24 / 10.0
    assert abs(problems.divergence((u, v), h)[~problem.grid.solid]).max() < 1e-5
    assert abs(state.lift).max() < 1e-8 * state.drag[-1]
    y = (np.arange(24) + 0.5) * h
    np.testing.assert_allclose(u[-1], 4 * y * (1 - y), atol=0.03)
    # What enters a box around the square, by convection, pressure and friction, acts on the square.
    solid = problem.grid.solid
    (left, right), (low, high) = ((np.flatnonzero(solid.any(axis))[[0, -1]] + [-3, 5]) for axis in (1, 0))
    p = state.pressure

    def through(cell):
        speed = 0.5 * (u[cell, low:high] + u[cell + 1, low:high])
        return h * float((speed**2 + p[cell, low:high] - nu * (u[cell + 1, low:high] - u[cell, low:high]) / h).sum())

    def across(row):
        below, above = u[left : right + 1, row - 1], u[left : right + 1, row]
        speed = 0.5 * (v[left - 1 : right, row] + v[left : right + 1, row])
        return h * float((0.5 * (below + above) * speed - nu * (above - below) / h).sum())

    force = through(left - 1) - through(right) + across(low) - across(high)
    assert 2 * force / (4 / 24) == pytest.approx(state.drag[-1], rel=1e-5)


def test_peers_answer_alike():
    comparison = ritz.compare(logistic(), ["time-stepping", "scipy-solve-ivp"], rtol=1e-6, repeat=1)
    assert all(row.converged for row in comparison.measurements)
    pytest.importorskip("pde")
    one, other = (ritz.solve(logistic(), name, rtol=1e-7).x for name in ("time-stepping", "py-pde"))
    np.testing.assert_allclose(one, other, rtol=1e-5)
    euler = ritz.solve(logistic(times=[0.0, 0.02]), "py-pde", scheme="euler", rtol=1e-5)
    assert isinstance(euler.stats, dict)
    assert SimpleNamespace(**euler.stats).scheme == "euler"
