r"""Dead units, and two ways to bring them back: an auxiliary loss, and a new start."""

import torch
from torch import Tensor, nn

from aelib import validate
from aelib.nn import distributed
from aelib.nn.autoencoder import check_batch
from aelib.nn.dictionary import Dictionary
from aelib.nn.select import largest


def auxiliary_loss(
    model: nn.Module, residual: Tensor, preactivation: Tensor, *, dead: Tensor, k: int
) -> Tensor:
    r"""Return how badly dead units reconstruct what the others leave.

    .. math::
        \frac1m \sum_{i=1}^m \tfrac12 \lVert e_i - \hat e_i \rVert^2, \qquad
        \hat e_i = \sum_{j \in D_i} \max(z_{ij}, 0)\, d_j

    where :math:`D_i` are the k dead units with the largest pre-activations. A unit that is never
    chosen gets no gradient from the data term, so that it can never come back; from this one it
    does. The error e is taken as given: no gradient goes to those who made it.

    Parameters
    ----------
    model : Dictionary
        The model.
    residual : Tensor, shape (m, n)
        The errors :math:`e = x - \hat x`.
    preactivation : Tensor, shape (m, h)
        The pre-activations z.
    dead : Tensor of bool, shape (h,)
        Which units are dead.
    k : int
        How many dead units may be active for a sample; if fewer are dead, all of them.

    Returns
    -------
    Tensor, shape ()
        The loss; 0 if no unit is dead.

    Raises
    ------
    TypeError, ValueError
        If ``k`` is no whole number of at least 1.

    Notes
    -----
    Gao et al. (2024), appendix A.2. As in their code, a ReLU follows the choice: a unit whose
    pre-activation is negative for every sample stays dead. `resample` brings back such a one too.
    """
    k, n_dead = validate.count("k", k), int(dead.sum())
    if n_dead == 0:
        return residual.new_zeros(())
    among_dead = preactivation.detach().masked_fill(~dead, float("-inf"))
    a = preactivation.relu() * largest(among_dead, min(k, n_dead))
    error = residual.detach() - a.to(residual.dtype) @ distributed.core(model).decoder.weight.T
    total = 0.5 * error.square().sum()
    return distributed.mean(total, len(residual), distributed.group_of(model))


@torch.no_grad()
def resample(
    model: Dictionary,
    optimizer: torch.optim.Optimizer,
    x: Tensor,
    *,
    dead_after: int,
    generator: torch.Generator | None = None,
) -> int:
    r"""Give every dead unit a new start, on a sample that is reconstructed badly.

    A sample is drawn with a probability that grows as the square of its loss
    :math:`\lVert x - \hat x \rVert^2`. Its direction, seen from :math:`b^2`, becomes the unit's
    direction; the encoder gets the same direction with a fifth of the mean norm that the encoders
    of living units have, and the bias becomes 0. What the optimiser remembers of the unit is
    forgotten.

    Parameters
    ----------
    model : Dictionary
        The model; changed in place, its counter included. A `JumpReLU` threshold becomes the
        median of those of living units.
    optimizer : torch.optim.Optimizer
        The one that trains it; changed in place.
    x : Tensor, shape (m, n)
        Data, one sample a row, as many as you can afford.
    dead_after : int
        After how many training steps without activation a unit counts as dead.
    generator : torch.Generator, optional
        Which draws the samples; torch's own generator if None.

    Returns
    -------
    int
        How many units were dead.

    Raises
    ------
    TypeError, ValueError
        If ``x`` does not fit the model, ``dead_after`` is no whole number of at least 1, or every
        sample is reconstructed exactly.

    Notes
    -----
    Bricken et al. (2023), appendix "Neuron resampling"; they take the direction of x itself, which
    is the same as long as :math:`b^2` is 0. Call it between two calls of `train`, and wait for
    the living to settle again before you call a unit dead once more.
    """
    x = check_batch(model, x)
    dead = model.dead(validate.count("dead_after", dead_after))
    n_dead = int(dead.sum())
    if n_dead == 0:
        return 0
    error = (x - model(x)).abs()
    largest_error = error.max()
    if largest_error == 0:
        raise ValueError("x is reconstructed exactly: there is nothing left for a dead unit")
    # Scaled before it is squared, so that nothing overflows or vanishes that matters.
    loss = (error / largest_error).square().sum(dim=1)
    weights = (loss / loss.max()).square()
    # Two units that start alike would stay alike.
    n_bad = int((weights > 0).sum())
    drawn = torch.multinomial(weights, n_dead, replacement=n_bad < n_dead, generator=generator)
    away = x[drawn] - model.decoder.bias
    length = away.abs().amax(dim=1, keepdim=True).clamp(min=torch.finfo(away.dtype).tiny)
    directions = nn.functional.normalize(away / length, dim=1)
    alive = ~dead if n_dead < len(dead) else dead
    model.encoder.weight[dead] = 0.2 * model.encoder.weight[alive].norm(dim=1).mean() * directions
    model.encoder.bias[dead] = 0.0
    model.decoder.weight[:, dead] = directions.T
    model.steps_since_active[dead] = 0
    own = {model.encoder.weight: 0, model.encoder.bias: 0, model.decoder.weight: 1}
    threshold = dict(model.activation.named_parameters()).get("threshold")
    if threshold is not None:
        threshold[dead] = threshold[alive].median()
        own[threshold] = 0
    for parameter, axis in own.items():
        for value in optimizer.state.get(parameter, {}).values():
            if isinstance(value, Tensor) and value.shape == parameter.shape:
                value.index_fill_(axis, dead.nonzero().flatten(), 0.0)
    return n_dead
