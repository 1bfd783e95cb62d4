"""Sparsity against what it costs, for several kinds of sparse autoencoder."""

from collections.abc import Mapping, Sequence
from typing import Any

import anywidget
import traitlets

from aelib import validate
from aelib.widgets.figure import STYLE, identity, script

KINDS = ("kl", "l1", "topk", "batchtopk", "jumprelu")
MEASURES = ("fvu", "matched", "recovered", "dead")


class Frontier(anywidget.AnyWidget):
    r"""Show what each kind of sparse autoencoder pays for its sparsity, setting by setting.

    Every kind is a line over L0: the mean over the seeds, with a bar from the lowest seed to the
    highest. The reader chooses what is drawn, and walks along the settings of one kind.

    Parameters
    ----------
    points : sequence of dict
        The results, as `aelib.stored.frontier` has them in ``points``: one dict for
        each training, with ``kind`` ("kl", "l1", "topk", "batchtopk" or "jumprelu"), ``setting``,
        ``seed``, ``l0`` (greater than 0), ``fvu``, ``matched``, ``recovered`` and ``dead``. Every
        kind has the same number of settings, and every setting the same number of seeds.
    measure : str, default "fvu"
        What the vertical axis shows: ``"fvu"``, ``"matched"``, ``"recovered"`` or ``"dead"``.
    kind : str, default "topk"
        The kind that is told in words.
    position : int, default 0
        Which of its settings, from 0, in the order of the settings' size.

    Raises
    ------
    TypeError, ValueError
        If a result is no dict of finite numbers with these names, a kind is unknown or missing, or
        settings or seeds differ in number.

    Notes
    -----
    Another ``measure``, ``kind`` or ``position`` out of range raises a `traitlets.TraitError`, here
    and when it is changed later. Chapter 14 of the book.
    """

    _esm = script("frontier")
    _css = STYLE

    lines = traitlets.Dict().tag(sync=True)
    measure = traitlets.Enum(MEASURES, "fvu").tag(sync=True)
    kind = traitlets.Enum(KINDS, "topk").tag(sync=True)
    position = traitlets.Int(0, min=0).tag(sync=True)

    def __init__(
        self,
        points: Sequence[Mapping[str, Any]],
        *,
        measure: str = "fvu",
        kind: str = "topk",
        position: int = 0,
    ) -> None:
        super().__init__(
            lines=summary(points),
            measure=measure,
            kind=kind,
            position=position,
            **identity("frontier"),
        )

    @traitlets.validate("position")
    def _is_a_setting(self, proposal: Any) -> int:
        n_settings = len(self.lines[KINDS[0]])
        if proposal.value >= n_settings:
            raise traitlets.TraitError(
                f"position must be less than {n_settings}, the number of settings, "
                f"got {proposal.value}"
            )
        return int(proposal.value)

    def __repr__(self) -> str:
        """Name the settings, and no address, so that a stored notebook stays the same."""
        return f"Frontier(measure={self.measure!r}, kind={self.kind!r}, position={self.position})"


def summary(points: Sequence[Mapping[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """Return each kind's settings in order: the mean of every number, and its range over seeds.

    Parameters
    ----------
    points : sequence of dict
        As for `Frontier`.

    Returns
    -------
    dict of str to list of dict
        For each kind, for each setting: ``setting``, ``seeds``, and for ``l0`` and every measure a
        list of the mean, the smallest and the largest.

    Raises
    ------
    TypeError, ValueError
        As for `Frontier`.
    """
    runs: dict[str, dict[float, list[dict[str, float]]]] = {kind: {} for kind in KINDS}
    for i, point in enumerate(points):
        if not isinstance(point, Mapping):
            raise TypeError(f"points[{i}] must be a dict, got {type(point).__name__}")
        missing = [n for n in ("kind", "setting", "seed", "l0", *MEASURES) if n not in point]
        if missing:
            raise ValueError(f"points[{i}] lacks {missing}")
        if point["kind"] not in KINDS:
            raise ValueError(f"points[{i}] has the kind {point['kind']!r}, not one of {KINDS}")
        numbers = {n: validate.number(f"points[{i}][{n!r}]", point[n]) for n in ("l0", *MEASURES)}
        validate.positive(f"points[{i}]['l0']", numbers["l0"])
        setting = validate.number(f"points[{i}]['setting']", point["setting"])
        runs[point["kind"]].setdefault(setting, []).append(numbers)
    if not all(runs.values()) or len({len(settings) for settings in runs.values()}) > 1:
        found = {kind: len(settings) for kind, settings in runs.items()}
        raise ValueError(f"points must have as many settings for every kind, got {found}")
    if len({len(seeds) for settings in runs.values() for seeds in settings.values()}) > 1:
        raise ValueError("points must have as many seeds for every setting")

    def spread(seeds: list[dict[str, float]], name: str) -> list[float]:
        values = [seed[name] for seed in seeds]
        return [round(v, 4) for v in (sum(values) / len(values), min(values), max(values))]

    return {
        kind: [
            {"setting": setting, "seeds": len(settings[setting])}
            | {name: spread(settings[setting], name) for name in ("l0", *MEASURES)}
            for setting in sorted(settings)
        ]
        for kind, settings in runs.items()
    }
