r"""The L1 penalty on the activations of a dictionary, and the shrinkage it brings."""

from torch import Tensor

from aelib import validate
from aelib.nn import distributed
from aelib.nn.autoencoder import check_batch, data_loss
from aelib.nn.dictionary import Dictionary, share_steps


def l1_loss(model: Dictionary, x: Tensor, *, sparsity_weight: float) -> Tensor:
    r"""Return the objective with an L1 penalty, as `aelib.byhand.l1` has it.

    .. math::
        J = \frac1m \sum_{i=1}^m \tfrac12 \lVert x_i - \hat x_i \rVert^2
            + \lambda\, \frac1m \sum_{i=1}^m \sum_{j=1}^h a_{ij} \lVert d_j \rVert

    The penalty does not only decide which units are active. It also pulls on those that are: of one
    active unit with a direction of norm 1, the first term is least at the true amount
    :math:`\langle x - b^2, d\rangle`, the sum of both at that amount *minus* :math:`\lambda`. This
    is the shrinkage; `TopK` and `JumpReLU` have none.

    Parameters
    ----------
    model : Dictionary
        The model, with `torch.nn.ReLU` as activation.
    x : Tensor, shape (m, n)
        Data, one sample a row.
    sparsity_weight : float
        The weight lambda of the penalty; not negative.

    Returns
    -------
    Tensor, shape ()
        J, ready for ``backward()``.

    Raises
    ------
    TypeError, ValueError
        If ``x`` does not fit the model, or ``sparsity_weight`` is negative.

    Notes
    -----
    With the norms kept at 1 (`keep_unit_norm`) this is the objective of Bricken et al. (2023).
    With the norms in the penalty it also holds where they are free, as in SAELens. In both the data
    term has no factor one half, so their coefficient is twice this lambda.
    """
    x = check_batch(model, x)
    sparsity_weight = validate.weight("sparsity_weight", sparsity_weight)
    group = distributed.group_of(model)
    x_hat, a, _ = model(x, with_layers=True)
    share_steps(model)
    norms = distributed.core(model).decoder.weight.norm(dim=0)
    penalty = distributed.mean((a.to(x.dtype) * norms).sum(), len(x), group)
    return data_loss(x_hat, x, group=group) + sparsity_weight * penalty
