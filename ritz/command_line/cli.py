"""The command line: ``ritz list``, ``solve``, ``compare``, ``train``, ``figure``, ``demo`` and ``info``."""

from __future__ import annotations

import inspect
import math
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from ritz.command_line import options as cli_options
from ritz.errors import InvalidProblem, RitzError, UnknownName

__all__ = ["app", "main"]

NOT_CONVERGED = 3
WRONG_USE = 2
PASS_ON = {"allow_extra_args": True, "ignore_unknown_options": True}  # other options belong to the problem


class _Group(TyperGroup):
    """Group that records the command line for saved results, and ends with one line and exit code 2 on wrong use."""

    def make_context(self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any) -> Any:
        return super().make_context(info_name, args, parent, obj=["ritz", *args], **extra)

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except (RitzError, OSError) as error:
            from rich.text import Text

            from ritz.comparing.tables import console

            message = Text.assemble(("Error: ", "bold red"), " ".join(str(error).split()))
            console(stderr=True).print(message, soft_wrap=True)
            raise typer.Exit(WRONG_USE) from None


app = typer.Typer(
    cls=_Group,
    help="Solvers for PDEs and linear systems.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

Problem = Annotated[
    str | None,
    typer.Argument(metavar="PROBLEM", help="Name from 'ritz list problems', or path of a .mtx or .mtx.gz file."),
]
Rtol = Annotated[float, typer.Option(help="Relative residual tolerance.")]
Atol = Annotated[float, typer.Option(help="Absolute residual tolerance.")]
MaxIterations = Annotated[int | None, typer.Option(help="Iteration limit.")]
Seed = Annotated[int | None, typer.Option(help="Seed of random choices of the problem and of the solver.")]
Plot = Annotated[Path | None, typer.Option(metavar="PATH", help="Write a plot (.png, .svg, .pdf, ...).")]
Json = Annotated[Path | None, typer.Option("--json", metavar="PATH", help="Write results and environment as JSON.")]
Help = Annotated[bool, typer.Option("--help", help="Show this message, with the options of PROBLEM if one is given.")]


@app.callback(invoke_without_command=True)
def _root(version: Annotated[bool, typer.Option("--version", help="Show the version and exit.")] = False) -> None:
    if version:
        from ritz import __version__

        typer.echo(f"ritz {__version__}")
        raise typer.Exit


@app.command("list")
def list_names(
    kind: Annotated[
        str | None, typer.Argument(help="problems, solvers, preconditioners, figures or recipes; all by default.")
    ] = None,
) -> None:
    """List problems, solvers, preconditioners, figures and recipes."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    from ritz import registry
    from ritz.comparing.tables import console

    kinds = ("problems", "solvers", "preconditioners", "figures", "recipes")
    if kind is not None and kind not in kinds:
        raise UnknownName("kind", kind, kinds)
    for chosen in [kind] if kind else kinds:
        entries = getattr(registry, chosen)
        if not entries.names():
            continue
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
        table.add_column(chosen[:-1], style="bold", overflow="fold", no_wrap=True)
        table.add_column("description", overflow="fold")
        for name in entries.names():
            line = (inspect.getdoc(entries[name]) or "").split("\n\n")[0]
            table.add_row(Text(name), Text(_plain(line)))
        console().print(table)


@app.command(context_settings=PASS_ON, add_help_option=False)
def solve(
    ctx: typer.Context,
    problem: Problem = None,
    solver: Annotated[str, typer.Option(help="Name from 'ritz list solvers'.")] = "auto",
    rtol: Rtol = 1e-8,
    atol: Atol = 0.0,
    maxiter: MaxIterations = None,
    option: Annotated[
        list[str] | None, typer.Option(metavar="KEY=VALUE", help="Option of the solver; may be repeated.")
    ] = None,
    seed: Seed = None,
    plot: Plot = None,
    json: Json = None,
    save: Annotated[Path | None, typer.Option(metavar="PATH", help="Write the solution as a NumPy .npy file.")] = None,
    help_: Help = False,
) -> None:
    """Solve PROBLEM. Options of the problem follow its name: ritz solve poisson --shape 128 128 128."""
    name = _problem_or_help(ctx, problem, help_)
    from ritz.comparing.comparison import describe_problem
    from ritz.comparing.environment import environment
    from ritz.comparing.measurement import error_of
    from ritz.comparing.tables import console, solution_table
    from ritz.files import check_figure_path, check_folder, save_array, save_figure, to_json, write_atomically
    from ritz.solving import solve as run

    for path in (json, save):
        if path is not None:
            check_folder(path)
    if plot is not None:
        check_figure_path(plot)
    options = cli_options.parse_pairs(solver, option or [])
    asked = cli_options.build_problem(name, ctx.args, _own_options(ctx), seed)
    controls: dict[str, Any] = {"rtol": rtol, "atol": atol, "maxiter": maxiter, "seed": seed}
    solution = run(asked, solver, **controls, progress=sys.stderr.isatty(), throw=False, **options)
    facts = describe_problem(asked)
    console().print(solution_table(facts["name"], solution, error_of(asked, solution)))
    if plot is not None:
        save_figure(solution.plot(), plot)
    if save is not None:
        save_array(solution.x, save)
    if json is not None:
        result = {
            "solver": solution.solver,
            "status": solution.status.name,
            "converged": solution.converged,
            "message": solution.status.value,
            "iterations": solution.iterations,
            "residual": solution.residual,
            "error": error_of(asked, solution),
            "timings": solution.timings,
            "stats": solution.stats,
            "history": solution.history,
        }
        labels = getattr(solution, "named_labels", None)
        if labels is not None:
            result["labels"] = labels
        saved = {"command": ctx.obj, "problem": facts, "controls": controls, "solution": result}
        write_atomically(json, to_json({**saved, "environment": environment(seed=seed)}))
    if not solution.converged:
        raise typer.Exit(NOT_CONVERGED)


@app.command(context_settings=PASS_ON, add_help_option=False)
def compare(
    ctx: typer.Context,
    problem: Problem = None,
    solvers: Annotated[
        str, typer.Option(help="Comma-separated names, with options as in cg:preconditioner=jacobi.")
    ] = "auto,scipy-cg",
    rtol: Rtol = 1e-8,
    atol: Atol = 0.0,
    maxiter: MaxIterations = None,
    repeat: Annotated[int, typer.Option(help="Number of rounds that count.")] = 3,
    threads: Annotated[int, typer.Option(help="Number of threads of each solver.")] = 1,
    baseline: Annotated[str | None, typer.Option(help="Solver that ratios refer to.")] = None,
    seed: Seed = None,
    plot: Plot = None,
    json: Json = None,
    html: Annotated[Path | None, typer.Option(metavar="PATH", help="Write a self-contained HTML page.")] = None,
    help_: Help = False,
) -> None:
    """Compare the times of solvers on PROBLEM under equal conditions. Options of the problem follow its name."""
    name = _problem_or_help(ctx, problem, help_)
    from ritz.comparing.comparison import compare as run
    from ritz.comparing.tables import console
    from ritz.files import check_figure_path, check_folder, save_figure

    for path in (json, html):
        if path is not None:
            check_folder(path)
    if plot is not None:
        check_figure_path(plot)
    entries = [cli_options.parse_solver(text) for text in solvers.split(",") if text.strip()]
    comparison = run(
        cli_options.build_problem(name, ctx.args, _own_options(ctx), seed),
        entries,
        rtol=rtol,
        atol=atol,
        maxiter=maxiter,
        repeat=repeat,
        threads=threads,
        seed=seed,
        baseline=baseline,
        progress=sys.stderr.isatty(),
    )
    console().print(comparison.table())
    if plot is not None:
        save_figure(comparison.plot(), plot)
    if html is not None:
        comparison.to_html(html)
    if json is not None:
        comparison.to_json(json, command=ctx.obj)
    if not any(row.converged for row in comparison.measurements):
        raise typer.Exit(NOT_CONVERGED)


@app.command()
def train(
    name: Annotated[str, typer.Argument(help="Name from 'ritz list recipes'.")],
    output: Annotated[
        Path | None, typer.Option(metavar="PATH", help="File to write; NAME.safetensors by default.")
    ] = None,
    device: Annotated[str, typer.Option(help="torch device: cpu, cuda, cuda:1.")] = "cpu",
    checkpoint: Annotated[
        Path | None, typer.Option(metavar="PATH", help="File with the state of training, to resume from.")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Continue from the checkpoint.")] = False,
    seconds: Annotated[float, typer.Option(help="Time limit of training.")] = math.inf,
    seed: Annotated[int | None, typer.Option(help="Seed of all random choices.")] = None,
    optimizer: Annotated[
        str | None, typer.Option(metavar="NAME", help="Class of torch.optim, or package.module.Class.")
    ] = None,
    learning_rate: Annotated[
        str | None,
        typer.Option(metavar="RATE", help="Learning rate of the optimiser; 'auto' derives it from the curvature."),
    ] = None,
    option: Annotated[
        list[str] | None, typer.Option(metavar="KEY=VALUE", help="Setting of the recipe; may be repeated.")
    ] = None,
) -> None:
    """Train the weights of a learned solver. The defaults are those of the weights shipped with Ritz."""
    from ritz.comparing.tables import console, pairs_table
    from ritz.files import check_folder
    from ritz.recipe import Run
    from ritz.registry import recipes

    rate = None if learning_rate is None else cli_options.number_or_word("--learning-rate", learning_rate, "auto")
    given = {"seed": seed, "optimizer": optimizer, "learning_rate": rate}
    settings = cli_options.parse_pairs(name, option or [], recipes)
    recipe = recipes.make(name, {**settings, **{key: value for key, value in given.items() if value is not None}})
    path = check_folder(output or Path(f"{name}.safetensors"))
    run = Run(device, checkpoint, resume, seconds=seconds, progress=sys.stderr.isatty())
    weights = recipe.train(run)
    weights.save(path)
    facts = {"family": weights.family, "parameters": weights.count, **weights.training, **weights.validation}
    console().print(pairs_table({key: str(value) for key, value in facts.items()}))
    typer.echo(str(path))


@app.command()
def figure(
    name: Annotated[str, typer.Argument(help="Name from 'ritz list figures'.")],
    quick: Annotated[bool, typer.Option("--quick", help="Small version that takes seconds.")] = False,
    output: Annotated[Path | None, typer.Option(metavar="PATH", help="File to write; NAME.png by default.")] = None,
) -> None:
    """Compute and draw a figure of a publication or of the documentation."""
    from ritz.files import check_figure_path, save_figure
    from ritz.registry import figures

    drawn = figures[name]
    path = check_figure_path(output or Path(f"{name}.png"))
    save_figure(drawn.plot(drawn.compute(quick=quick)), path)
    typer.echo(str(path))


@app.command()
def demo(
    output: Annotated[
        Path, typer.Option(metavar="FOLDER", help="Folder to write to; created if it does not exist.")
    ] = Path("output/demo"),
) -> None:
    """Compare solvers on a 2-D and a 3-D Poisson problem with obstacles, and write plots and reports."""
    from ritz.command_line.demo import run_demo
    from ritz.comparing.tables import console

    out = console()
    failed = False
    for name, comparison in run_demo(output, progress=sys.stderr.isatty()):
        out.print(comparison.table())
        failed = failed or not comparison.measurements[0].converged
        for ending in ("-solution.png", "-convergence.png", ".html", ".json"):
            out.print(f"  {output / (name + ending)}", soft_wrap=True)
    if failed:
        raise typer.Exit(NOT_CONVERGED)


@app.command()
def info() -> None:
    """Show versions, threads, devices and optional packages."""
    import torch
    from threadpoolctl import threadpool_info

    from ritz import registry
    from ritz.comparing.environment import environment, installed_version
    from ritz.comparing.tables import console, pairs_table

    facts = environment()
    rows: dict[str, Any] = {f"{name}": version for name, version in facts.pop("versions").items()}
    rows.update({name: value for name, value in facts.items() if value is not None})
    rows["memory"] = f"{facts['memory'] / 2**30:.1f} GiB"
    rows["device"] = facts["device"] or "cpu"
    rows["threads"] = ", ".join(f"{pool['internal_api']} {pool['num_threads']}" for pool in threadpool_info())
    rows["torch threads"] = torch.get_num_threads()
    for package, extra in (("scikit-fem", "fem"), ("scikit-sparse", "cholmod")):
        rows[package] = installed_version(package) or f"not installed: pip install 'ritz[{extra}]'"
    for kind in ("problems", "solvers", "preconditioners", "figures", "recipes"):
        rows[kind] = len(getattr(registry, kind).names())
    console().print(pairs_table(rows))


def main() -> None:
    """Run the command line."""
    app()


def _problem_or_help(ctx: typer.Context, problem: str | None, wants_help: bool) -> str:
    """Return the name of the problem; with ``--help``, show the options of command and problem, and exit."""
    if wants_help:
        typer.echo(ctx.get_help())
        if problem is not None:
            _show_parameters(problem)
        raise typer.Exit
    if problem is None:
        raise InvalidProblem(f"name a problem: ritz {ctx.info_name} PROBLEM ('ritz list problems' shows them)")
    return problem


def _show_parameters(problem: str) -> None:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    from ritz.comparing.tables import console

    owner, function, given = cli_options.resolve_problem(problem)
    summary = (inspect.getdoc(function) or "").split("\n\n")[0]
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, title=Text(f"{owner}: {_plain(summary)}"), title_justify="left")
    table.add_column("option", style="bold", no_wrap=True)
    table.add_column("default", overflow="fold")
    table.add_column("description", overflow="fold")
    for name, parameter in cli_options.problem_parameters(function).items():
        if name not in given:
            default = _default_text(parameter.default)
            table.add_row(Text(f"--{name.replace('_', '-')}"), Text(default), Text(parameter.description))
    console().print(table)


def _default_text(default: Any) -> str:
    if default is inspect.Parameter.empty:
        return "required"
    if isinstance(default, tuple | list):
        return " ".join(map(_default_text, default))
    return f"{default:.6g}" if isinstance(default, float) else str(default)


def _own_options(ctx: typer.Context) -> Sequence[str]:
    return [name.removeprefix("--") for option in ctx.command.params for name in option.opts if name.startswith("--")]


def _plain(text: str) -> str:
    """Return the summary of a docstring on one line, without markup and without "Return the"."""
    text = re.sub(r"\s*:cite:`[^`]*`", "", text)
    text = re.sub(r":math:`([^`]*)`", lambda match: match.group(1).replace(r"\|", "||").replace("\\", ""), text)
    line = re.sub(r"^Return (the |an? )?", "", " ".join(text.replace("`", "").split()))
    module = "." in line.partition(" ")[0].rstrip(".")  # such as scipy.sparse.linalg.cg, whose case matters
    return line if module else line[:1].upper() + line[1:]
