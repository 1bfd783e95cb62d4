"""Figures: what is drawn, where, and with which labels. How it looks is for eyes to judge."""

import numpy as np
import pytest
from matplotlib import pyplot as plt

from aelib import plots, sparsity
from aelib.history import History

HISTORY = History((3.0, 2.0, 1.5), "epoch", "done", True)

# Each function with the least it needs.
DRAW = {
    "filters": lambda **more: plots.filters(np.eye(4, 6), **more),
    "images": lambda **more: plots.images(np.eye(4), **more),
    "reconstructions": lambda **more: plots.reconstructions(np.eye(4), np.eye(4), **more),
    "loss_curve": lambda **more: plots.loss_curve(HISTORY, **more),
    "activation_histogram": lambda **more: plots.activation_histogram(np.eye(3), **more),
    "kl_curve": lambda **more: plots.kl_curve(0.2, **more),
}
every_function = pytest.mark.parametrize("draw", DRAW.values(), ids=DRAW)


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


def drawn_picture(ax):
    (image,) = ax.get_images()
    return np.asarray(image.get_array())


def test_every_plotting_function_is_in_the_table():
    public = {
        name
        for name, value in vars(plots).items()
        if callable(value) and getattr(value, "__module__", "") == "aelib.plots" and name[0] != "_"
    }
    assert public == set(DRAW)


@every_function
def test_draws_on_the_given_axes_and_returns_them(draw):
    _, (left, right) = plt.subplots(1, 2)
    assert draw(ax=left) is left
    assert left.has_data()
    assert not right.has_data()


@every_function
def test_draws_on_the_current_axes_if_none_are_given(draw):
    _, (left, right) = plt.subplots(1, 2)
    plt.sca(left)
    assert draw() is left
    assert not right.has_data()


@every_function
def test_renders_in_the_style_of_the_book_without_a_warning(draw):
    with plt.style.context("aelib.book"):
        figure, ax = plt.subplots()
        draw(ax=ax)
        figure.canvas.draw()


# --- filters -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("n_units", "n_columns", "rows", "columns"),
    [(25, None, 5, 5), (6, None, 2, 3), (7, 4, 2, 4), (3, 3, 1, 3), (5, 1, 5, 1)],
)
def test_filters_form_a_mosaic_with_a_border_of_one_pixel(n_units, n_columns, rows, columns, rng):
    # Filters of 2 by 3 pixels, so that height and width cannot be confused.
    weight = rng.standard_normal((6, n_units))
    ax = plots.filters(weight, shape=(2, 3), n_columns=n_columns)
    assert drawn_picture(ax).shape == (rows * 3 + 1, columns * 4 + 1)


def test_each_filter_is_a_column_scaled_by_its_largest_entry():
    weight = np.array([[1.0, -8.0], [2.0, 0.0], [-4.0, 4.0], [0.0, 2.0]])
    picture = drawn_picture(plots.filters(weight))
    np.testing.assert_array_equal(picture[1:3, 1:3], [[0.25, 0.5], [-1.0, 0.0]])
    np.testing.assert_array_equal(picture[1:3, 4:6], [[-1.0, 0.0], [0.5, 0.25]])


def test_zero_is_mid_grey_and_a_filter_of_zeros_is_no_error():
    ax = plots.filters(np.zeros((4, 2)))
    assert ax.get_images()[0].get_clim() == (-1.0, 1.0)
    assert not drawn_picture(ax)[1:3, 1:3].any()


# --- images --------------------------------------------------------------------------------------


def test_images_are_rows_on_one_grey_scale():
    x = np.array([[0.0, 0.1, 0.2, 0.3, 0.4, 0.5], [1.0, 1.0, 1.0, 0.9, 0.9, 0.9], [0.5] * 6])
    ax = plots.images(x, shape=(2, 3), n_columns=2, value_range=(-1.0, 2.0))
    picture = drawn_picture(ax)
    # Two rows of two places of 2 by 3 pixels; the fourth place stays empty, like the border.
    assert picture.shape == (2 * 3 + 1, 2 * 4 + 1)
    np.testing.assert_array_equal(picture[1:3, 1:4], [[0.0, 0.1, 0.2], [0.3, 0.4, 0.5]])
    np.testing.assert_array_equal(picture[1:3, 5:8], [[1.0, 1.0, 1.0], [0.9, 0.9, 0.9]])
    assert (picture[4:6, 5:8] == 2.0).all()
    assert ax.get_images()[0].get_clim() == (-1.0, 2.0)


# --- reconstructions -----------------------------------------------------------------------------


def test_a_range_given_in_whole_numbers_does_not_round_the_pictures():
    x = np.full((1, 4), 0.25)
    assert np.any(drawn_picture(plots.images(x, value_range=(0, 1))) == 0.25)


def test_reconstructions_stand_below_their_inputs():
    x, first, second = np.full((5, 6), 0.2), np.full((5, 6), 0.5), np.full((5, 6), 0.7)
    ax = plots.reconstructions(x, first, second, shape=(2, 3), labels=("x", "one", "two"))
    picture = drawn_picture(ax)
    assert picture.shape == (3 * 3 + 1, 5 * 4 + 1)
    assert [picture[row, 1] for row in (1, 4, 7)] == [0.2, 0.5, 0.7]
    # Each label stands at the middle of its row.
    assert [tick.get_text() for tick in ax.get_yticklabels()] == ["x", "one", "two"]
    np.testing.assert_allclose(ax.get_yticks(), [1.5, 4.5, 7.5])


def test_reconstructions_use_the_given_range_of_values():
    ax = plots.reconstructions(np.eye(4), np.eye(4), value_range=(-2.0, 3.0))
    assert ax.get_images()[0].get_clim() == (-2.0, 3.0)


# --- curves --------------------------------------------------------------------------------------


def test_loss_curve_has_a_point_before_the_first_step():
    ax = plots.loss_curve(HISTORY, label="mine")
    (line,) = ax.get_lines()
    np.testing.assert_array_equal(line.get_xdata(), [0, 1, 2])
    np.testing.assert_array_equal(line.get_ydata(), [3.0, 2.0, 1.5])
    assert line.get_label() == "mine"
    assert (ax.get_xlabel(), ax.get_ylabel(), ax.get_yscale()) == ("epoch", "loss", "log")


def test_activation_histogram_shows_fractions_that_add_up_to_1(rng):
    a = np.concatenate([[0.0, 1.0], rng.random(98)])
    ax = plots.activation_histogram(a, rho=0.05, n_bins=10)
    heights = [patch.get_height() for patch in ax.patches]
    assert len(heights) == 10
    np.testing.assert_allclose(heights, np.histogram(a, bins=10, range=(0, 1))[0] / 100)
    assert sum(heights) == pytest.approx(1.0)
    (line,) = ax.get_lines()
    assert line.get_xdata() == [0.05, 0.05]
    assert "0.05" in line.get_label()
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("activation", "fraction")


def test_kl_curve_is_finite_and_lowest_at_the_target():
    ax = plots.kl_curve(0.2)
    (line,) = ax.get_lines()
    at, kl = line.get_xdata(), line.get_ydata()
    assert np.isfinite(kl).all()
    assert at[np.argmin(kl)] == pytest.approx(0.2)
    np.testing.assert_array_equal(kl, sparsity.kl_bernoulli(0.2, at))
    assert line.get_label() == "ρ = 0.2"
    assert ax.get_xlabel() == "mean activation ρ̂"
    assert "nats" in ax.get_ylabel()


# --- bad input -----------------------------------------------------------------------------------

BAD = {
    "filters: a list": (lambda: plots.filters([[1.0]]), TypeError, "weight"),
    "filters: a vector": (lambda: plots.filters(np.ones(4)), ValueError, "weight"),
    "filters: NaN": (lambda: plots.filters(np.full((4, 2), np.nan)), ValueError, "weight"),
    "filters: no square": (lambda: plots.filters(np.ones((6, 2))), ValueError, "6 pixels"),
    "filters: wrong shape": (
        lambda: plots.filters(np.ones((6, 2)), shape=(2, 2)),
        ValueError,
        r"shape \(2, 2\)",
    ),
    "filters: no column": (
        lambda: plots.filters(np.ones((4, 2)), n_columns=0),
        ValueError,
        "n_columns",
    ),
    "images: a vector": (lambda: plots.images(np.ones(4)), ValueError, "x must have 2 axes"),
    "images: no square": (lambda: plots.images(np.ones((2, 6))), ValueError, "6 pixels"),
    "reconstructions: another number": (
        lambda: plots.reconstructions(np.ones((3, 4)), np.ones((2, 4))),
        ValueError,
        "3 inputs but 2 reconstructions",
    ),
    "reconstructions: another width": (
        lambda: plots.reconstructions(np.ones((3, 4)), np.ones((3, 9))),
        ValueError,
        "reconstruction must have 4 columns",
    ),
    "reconstructions: labels": (
        lambda: plots.reconstructions(np.ones((3, 4)), labels=("a", "b")),
        ValueError,
        "labels must have 1 entries",
    ),
    "histogram: above 1": (
        lambda: plots.activation_histogram(np.array([0.5, 1.5])),
        ValueError,
        "activation must lie in",
    ),
    "histogram: rho": (
        lambda: plots.activation_histogram(np.ones(3), rho=1.0),
        ValueError,
        "rho must lie strictly",
    ),
    "histogram: bins": (
        lambda: plots.activation_histogram(np.ones(3), n_bins=0),
        ValueError,
        "n_bins",
    ),
    "kl_curve: rho": (lambda: plots.kl_curve(0.0), ValueError, "rho must lie strictly"),
}


@pytest.mark.parametrize(("call", "error", "message"), BAD.values(), ids=BAD)
def test_bad_input_is_refused_before_anything_is_drawn(call, error, message):
    _, ax = plt.subplots()
    with pytest.raises(error, match=message):
        call()
    assert not ax.has_data()
