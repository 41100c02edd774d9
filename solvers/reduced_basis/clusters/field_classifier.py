"""Classification of fields by the basis that suits them best, with a small convolutional network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ritz.arguments import check_number, check_seed
from ritz.backend import single_torch_thread
from ritz.errors import InvalidProblem, TrainingError

if TYPE_CHECKING:
    import torch

__all__ = ["FieldClassifier", "fit_field_classifier"]

WIDTHS = (8, 16, 32)  # channels of the convolutions, each of which halves the grid
POOLED = 4  # cells per axis after average pooling, enough to keep positions
BATCH = 32


@dataclass(frozen=True, eq=False)
class FieldClassifier:
    """A trained network; made by `fit_field_classifier`.

    Parameters
    ----------
    network : torch module
        Maps fields, shape (count, channels, rows, columns), to logits, shape (count, clusters).
    mean, deviation : ndarray, shape (channels, 1, 1)
        Used to standardise the fields.
    temperature : float
        Divisor of the logits that calibrates the probabilities.
    """

    network: torch.nn.Module
    mean: np.ndarray
    deviation: np.ndarray
    temperature: float = 1.0

    def probabilities(self, fields: Any) -> np.ndarray:
        """Return the probability of each basis of being the best, shape (clusters,) or (count, clusters).

        Parameters
        ----------
        fields : array, shape (channels, rows, columns) or (count, channels, rows, columns)
        """
        import torch

        given = np.asarray(fields, dtype=np.float64)
        batch = given if given.ndim == 4 else given[None]
        with torch.no_grad(), single_torch_thread():
            logits = self.network(_tensor((batch - self.mean) / self.deviation))
            found = torch.softmax(logits.double() / self.temperature, dim=1).numpy()
        return found if given.ndim == 4 else found[0]

    def likeliest(self, fields: Any, count: int = 3) -> np.ndarray:
        """Return the numbers of the likeliest bases, the likeliest first, shape (..., count)."""
        return np.argsort(-self.probabilities(fields), axis=-1, kind="stable")[..., :count]


def fit_field_classifier(
    fields: Any, labels: Any, *, epochs: int = 60, learning_rate: float = 3e-3, held_out: float = 0.2, seed: int = 0
) -> FieldClassifier:
    """Return a network that predicts labels from fields on a grid, such as a coefficient, a load or an image.

    Three convolutions that each halve the grid, average pooling to 4 x 4 cells and a linear map: about 6,000
    parameters, plus 512 per cluster. The classifier also accepts fields of other sizes than it was trained on.

    Parameters
    ----------
    fields : array, shape (count, channels, rows, columns)
    labels : array, shape (count, clusters)
        Probabilities, such as `soft_labels` of the errors, which weigh mistakes by their cost.
    epochs : int
        Passes over the fields; the weights with the least held-out loss are kept.
    learning_rate : float
        Initial learning rate of Adam, with cosine decay to 0.
    held_out : float
        Fraction of the fields held out to choose the epoch and calibrate the probabilities.
    seed : int

    Raises
    ------
    InvalidProblem
        For shapes that do not fit, NaN, or labels that are not probabilities.
    TrainingError
        If the loss becomes NaN.

    Examples
    --------
    >>> generator = np.random.default_rng(0)
    >>> left = generator.random(80) < 0.5
    >>> fields = np.zeros((80, 1, 16, 16))
    >>> fields[left, :, :, :8] = fields[~left, :, 4:12, 4:12] = 1.0
    >>> model = fit_field_classifier(fields, np.stack([left, ~left], axis=1), epochs=20)
    >>> bool(np.mean((model.likeliest(fields, 1)[:, 0] == 0) == left) > 0.9)
    True
    """
    import torch

    given, targets = np.asarray(fields, dtype=np.float64), np.asarray(labels, dtype=np.float64)
    if given.ndim != 4 or targets.ndim != 2 or len(given) != len(targets):
        raise InvalidProblem(
            f"fields have shape {given.shape} and labels {targets.shape}; they must be (count, channels, rows, columns)"
            " and (count, clusters)"
        )
    if not np.isfinite(given).all():
        raise InvalidProblem("fields have entries that are NaN or infinite")
    if not ((targets >= 0.0).all() and np.allclose(targets.sum(axis=1), 1.0)):
        raise InvalidProblem("labels must be probabilities: not negative, with rows that sum to 1")
    seed = check_seed(seed)
    check_number("held_out", held_out, above=0.0, below=1.0)
    mean = given.mean(axis=(0, 2, 3))[:, None, None]
    deviation = np.maximum(given.std(axis=(0, 2, 3))[:, None, None], 1e-12)
    x, y = _tensor((given - mean) / deviation), _tensor(targets)
    with torch.random.fork_rng(), single_torch_thread():
        torch.manual_seed(seed)
        network = _network(given.shape[1], targets.shape[1])
        order = torch.randperm(len(x))
        cut = max(1, round(held_out * len(x)))
        _train(network, (x[order[cut:]], y[order[cut:]]), (x[order[:cut]], y[order[:cut]]), epochs, learning_rate)
        with torch.no_grad():
            logits = network(x[order[:cut]])
        temperatures = np.geomspace(0.25, 4.0, 17)
        losses = [float(_cross_entropy(logits / float(t), y[order[:cut]])) for t in temperatures]
    return FieldClassifier(network, mean, deviation, float(temperatures[int(np.argmin(losses))]))


def _network(channels: int, clusters: int) -> torch.nn.Module:
    import torch

    layers: list[torch.nn.Module] = []
    for width in WIDTHS:
        layers += [torch.nn.Conv2d(channels, width, 3, stride=2, padding=1), torch.nn.GELU()]
        channels = width
    return torch.nn.Sequential(
        *layers,
        torch.nn.AdaptiveAvgPool2d(POOLED),
        torch.nn.Flatten(),
        torch.nn.Linear(WIDTHS[-1] * POOLED**2, clusters),
    )


def _train(network: Any, known: Any, unseen: Any, epochs: int, learning_rate: float) -> None:
    import torch

    optimiser = torch.optim.Adam(network.parameters(), lr=learning_rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, epochs)
    least, best = float("inf"), None
    for _ in range(epochs):
        for rows in torch.randperm(len(known[0])).split(BATCH):
            optimiser.zero_grad()
            loss = _cross_entropy(network(known[0][rows]), known[1][rows])
            if not torch.isfinite(loss):
                raise TrainingError(
                    "the loss became NaN; give fields without extreme values or a smaller learning_rate"
                )
            loss.backward()
            optimiser.step()
        schedule.step()
        with torch.no_grad():
            surprise = float(_cross_entropy(network(unseen[0]), unseen[1]))
        if surprise < least:
            least, best = surprise, {name: value.clone() for name, value in network.state_dict().items()}
    if best is not None:
        network.load_state_dict(best)


def _cross_entropy(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    import torch

    return torch.nn.functional.cross_entropy(logits, targets)


def _tensor(values: np.ndarray) -> torch.Tensor:
    import torch

    return torch.as_tensor(values, dtype=torch.float32)
