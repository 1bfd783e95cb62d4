"""Wrong answers to the assignment "denoising-field", and what each loses."""

from tests.submissions import WrongForm

RELEASED = "    # YOUR CODE HERE\n    raise NotImplementedError()\n"

GAUSSIAN = "def gaussian(x, level, rng):\n"
MASKING = "def masking(x, level, rng):\n"
SALT = "def salt_and_pepper(x, level, rng):\n"
LOSS = "def denoising_loss_and_grad(params, x, x_noisy):\n"
MEAN = "def posterior_mean(x_noisy, x, sigma):\n"
DENSITY = "def log_density(x_noisy, x, sigma):\n"
SCORE = "def score(x_noisy, mean, sigma):\n"
GAUSSIAN_MEAN = "def gaussian_posterior_mean(x_noisy, centre, covariance, sigma):\n"
MIXTURE_MEAN = "def mixture_posterior_mean(x_noisy, share, centre, variance, sigma):\n"
AGREEMENT = "def direction_agreement(first, second, shortest):\n"
WALK = "def walk(denoise, x_noisy, n_steps):\n"

SALT_BODY = """\
    draw = rng.random(x.shape)
    return np.where(draw < level / 2, 0.0, np.where(draw < level, 1.0, x))
"""


def loss_and_grad(
    *,
    network_input="x_noisy",
    loss_target="x",
    target="x",
    slope="1",
    m="len(x)",
    encoder="x_noisy",
):
    """The right answer to Part 2, with one thing or another exchanged."""
    return (
        LOSS
        + f"""\
    a = expit({network_input} @ params["encoder_weight"] + params["encoder_bias"])
    x_hat = a @ params["decoder_weight"] + params["decoder_bias"]
    loss = 0.5 * np.sum((x_hat - {loss_target}) ** 2) / {m}
    delta_out = (x_hat - {target}) * {slope} / {m}
    delta_hidden = (delta_out @ params["decoder_weight"].T) * a * (1 - a)
    return loss, {{
        "encoder_weight": {encoder}.T @ delta_hidden,
        "encoder_bias": delta_hidden.sum(axis=0),
        "decoder_weight": a.T @ delta_out,
        "decoder_bias": delta_out.sum(axis=0),
    }}
"""
    )


def mean(exponent="-square / (2 * sigma**2)", weight="softmax(exponent, axis=1)"):
    """The right posterior mean, with another exponent or other weights."""
    return (
        MEAN
        + f"""\
    square = cdist(x_noisy, x, "sqeuclidean")
    exponent = {exponent}
    weight = {weight}
    return weight @ x
"""
    )


def density(constant="np.log(m) + n / 2 * np.log(2 * np.pi * sigma**2)"):
    """The right log-density, with another constant."""
    return (
        DENSITY
        + f"""\
    m, n = x.shape
    exponent = -cdist(x_noisy, x, "sqeuclidean") / (2 * sigma**2)
    return logsumexp(exponent, axis=1) - ({constant})
"""
    )


def mixture(
    share="share", power="n / 2", smoothed="variance + sigma**2", factor="variance / smoothed"
):
    """The right posterior mean of a mixture, with one thing or another exchanged."""
    return (
        MIXTURE_MEAN
        + f"""\
    n = centre.shape[1]
    smoothed = {smoothed}
    log_weight = np.log({share}) - ({power}) * np.log(smoothed)
    log_weight = log_weight - cdist(x_noisy, centre, "sqeuclidean") / (2 * smoothed)
    weight = softmax(log_weight, axis=1)
    smoothed = variance + sigma**2
    factor = ({factor})[:, None]
    answers = centre + factor * (x_noisy[:, None] - centre)
    return np.einsum("kq,kqn->kn", weight, answers)
"""
    )


WRONG_FORMS = [
    # Part 1
    WrongForm(
        "level is taken for the variance of the Gaussian noise",
        {"gaussian": GAUSSIAN + "    return x + np.sqrt(level) * rng.standard_normal(x.shape)\n"},
        {"test-gaussian": 1.0},
    ),
    WrongForm(
        "one noise value for a whole row",
        {"gaussian": GAUSSIAN + "    return x + level * rng.standard_normal(x.shape[-1])\n"},
        {"test-gaussian": 1.0},
    ),
    WrongForm(
        "the Gaussian copy is clipped to [0, 1]",
        {
            "gaussian": GAUSSIAN
            + "    return np.clip(x + level * rng.standard_normal(x.shape), 0, 1)\n"
        },
        {"test-gaussian": 1.0},
    ),
    WrongForm(
        "masking keeps an entry with probability level",
        {"masking": MASKING + "    return x * (rng.random(x.shape) < level)\n"},
        {"test-replacing": 0.5},
    ),
    WrongForm(
        "masking rescales what it keeps, as dropout does",
        {
            "masking": MASKING
            + "    kept = rng.random(x.shape) >= level\n"
            + "    return x * kept / max(1 - level, 1e-12)\n"
        },
        {"test-replacing": 0.5},
    ),
    WrongForm(
        "salt and pepper come with probability level each",
        {
            "salt-and-pepper": SALT
            + "    draw = rng.random(x.shape)\n"
            + "    return np.where(draw < level, 0.0, np.where(draw > 1 - level, 1.0, x))\n"
        },
        {"test-replacing": 0.5},
    ),
    WrongForm(
        "salt overwrites pepper: two independent draws",
        {
            "salt-and-pepper": SALT
            + "    y = np.where(rng.random(x.shape) < level / 2, 0.0, x)\n"
            + "    return np.where(rng.random(x.shape) < level / 2, 1.0, y)\n"
        },
        {"test-replacing": 0.5},
    ),
    WrongForm(
        "rng is ignored: numpy's global generator",
        {
            "gaussian": GAUSSIAN + "    return x + level * np.random.randn(*x.shape)\n",
            "masking": MASKING + "    return np.where(np.random.rand(*x.shape) < level, 0.0, x)\n",
            "salt-and-pepper": SALT + SALT_BODY.replace("rng", "np.random"),
        },
        {"test-generator": 0.75},
    ),
    WrongForm(
        "rng is ignored: a fixed seed inside",
        {
            "gaussian": GAUSSIAN
            + "    rng = np.random.default_rng(0)\n"
            + "    return x + level * rng.standard_normal(x.shape)\n",
            "masking": MASKING
            + "    rng = np.random.default_rng(0)\n"
            + "    return np.where(rng.random(x.shape) < level, 0.0, x)\n",
            "salt-and-pepper": SALT + "    rng = np.random.default_rng(0)\n" + SALT_BODY,
        },
        {"test-generator": 0.75},
    ),
    WrongForm(
        "masking writes into its argument",
        {"masking": MASKING + "    x[rng.random(x.shape) < level] = 0.0\n    return x\n"},
        {"test-generator": 0.25},
    ),
    # Part 2
    WrongForm(
        "the noisy input is the target",
        {"loss-and-grad": loss_and_grad(loss_target="x_noisy", target="x_noisy")},
        {"test-pair": 0.5, "test-differences": 1.0},
    ),
    WrongForm(
        "the noisy input is the target, in the gradient only",
        {"loss-and-grad": loss_and_grad(target="x_noisy")},
        {"test-pair": 0.5, "test-differences": 1.0},
    ),
    WrongForm(
        "the clean input in the encoder's gradient",
        {"loss-and-grad": loss_and_grad(encoder="x")},
        {"test-pair": 0.5, "test-differences": 1.0},
    ),
    WrongForm(
        "the network sees the clean input",
        {"loss-and-grad": loss_and_grad(network_input="x", encoder="x")},
        {"test-pair": 1.0, "test-differences": 1.0},
    ),
    WrongForm(
        "input and target exchanged",
        {
            "loss-and-grad": loss_and_grad(
                network_input="x", encoder="x", loss_target="x_noisy", target="x_noisy"
            )
        },
        {"test-pair": 1.0, "test-differences": 1.0},
    ),
    WrongForm(
        "the sum over the samples instead of their mean",
        {"loss-and-grad": loss_and_grad(m="1")},
        {"test-plain": 1.0, "test-differences": 1.0},
    ),
    WrongForm(
        "the sigmoid decoder's slope, as Chapter 7 has it",
        {"loss-and-grad": loss_and_grad(slope="x_hat * (1 - x_hat)")},
        {"test-plain": 1.0, "test-differences": 1.0},
    ),
    # Part 3
    WrongForm(
        "softmax with sigma instead of its square",
        {"posterior-mean": mean("-square / (2 * sigma)")},
        {"test-mean": 1.0, "test-tweedie": 1.0},
    ),
    WrongForm(
        "softmax without the 1/2",
        {"posterior-mean": mean("-square / sigma**2")},
        {"test-mean": 1.0, "test-tweedie": 1.0},
    ),
    WrongForm(
        "the distance is not squared",
        {"posterior-mean": mean("-np.sqrt(square) / (2 * sigma**2)")},
        {"test-mean": 1.0, "test-tweedie": 1.0},
    ),
    WrongForm(
        "the weights are normalised over the places",
        {"posterior-mean": mean(weight="softmax(exponent, axis=0)")},
        {"test-mean": 1.0, "test-mean-safe": 1.0, "test-tweedie": 1.0},
    ),
    WrongForm(
        "exponentials that are not stabilised",
        {
            "posterior-mean": mean(
                weight="np.exp(exponent) / np.exp(exponent).sum(axis=1, keepdims=True)"
            )
        },
        {"test-mean-safe": 1.0},
    ),
    WrongForm(
        "a small number in the denominator",
        {
            "posterior-mean": mean(
                weight="np.exp(exponent) / (np.exp(exponent).sum(axis=1, keepdims=True) + 1e-12)"
            )
        },
        {"test-mean-safe": 1.0},
    ),
    WrongForm(
        "the largest exponent of all places is subtracted",
        {
            "posterior-mean": mean(
                "-square / (2 * sigma**2) + square.min() / (2 * sigma**2)",
                "np.exp(exponent) / np.exp(exponent).sum(axis=1, keepdims=True)",
            )
        },
        {"test-mean-safe": 1.0},
    ),
    # Part 4
    WrongForm(
        "the log-density's constant for the plane",
        {"log-density": density("np.log(m) + np.log(2 * np.pi * sigma**2)")},
        {"test-density": 1.0},
    ),
    WrongForm(
        "the log-density of the sum instead of the mean",
        {"log-density": density("n / 2 * np.log(2 * np.pi * sigma**2)")},
        {"test-density": 1.0},
    ),
    WrongForm(
        "a log-density that is not stabilised",
        {
            "log-density": DENSITY
            + """\
    exponent = -cdist(x_noisy, x, "sqeuclidean") / (2 * sigma**2)
    constant = (2 * np.pi * sigma**2) ** (x.shape[1] / 2)
    return np.log(np.exp(exponent).mean(axis=1) / constant)
"""
        },
        {"test-density": 1.0},
    ),
    WrongForm(
        "the arrow is reversed",
        {"score": SCORE + "    return (x_noisy - mean) / sigma**2\n"},
        {"test-score": 0.5, "test-tweedie": 1.0},
    ),
    WrongForm(
        "the score without 1/sigma^2",
        {"score": SCORE + "    return mean - x_noisy\n"},
        {"test-score": 0.5, "test-tweedie": 1.0},
    ),
    WrongForm(
        "the score with 1/sigma",
        {"score": SCORE + "    return (mean - x_noisy) / sigma\n"},
        {"test-score": 0.5, "test-tweedie": 1.0},
    ),
    WrongForm(
        "sigma for its square in posterior mean and log-density alike",
        {
            "posterior-mean": mean("-square / (2 * sigma)"),
            "log-density": density().replace("(2 * sigma**2)\n", "(2 * sigma)\n"),
            "score": SCORE + "    return (mean - x_noisy) / sigma\n",
        },
        {"test-mean": 1.0, "test-density": 1.0, "test-score": 0.5, "test-tweedie": 1.0},
    ),
    # Part 5
    WrongForm(
        "the noise's share for the shrink factor",
        {
            "gaussian-mean": GAUSSIAN_MEAN
            + """\
    smoothed = covariance + sigma**2 * np.eye(len(centre))
    return centre + sigma**2 * np.linalg.solve(smoothed, (x_noisy - centre).T).T
"""
        },
        {"test-shrink": 1.0},
    ),
    WrongForm(
        "shrunk towards 0",
        {
            "gaussian-mean": GAUSSIAN_MEAN
            + """\
    smoothed = covariance + sigma**2 * np.eye(len(centre))
    return np.linalg.solve(smoothed, covariance @ x_noisy.T).T
"""
        },
        {"test-shrink": 1.0},
    ),
    WrongForm(
        "the covariance grows by sigma",
        {
            "gaussian-mean": GAUSSIAN_MEAN
            + """\
    smoothed = covariance + sigma * np.eye(len(centre))
    return centre + np.linalg.solve(smoothed, covariance @ (x_noisy - centre).T).T
"""
        },
        {"test-shrink": 1.0},
    ),
    WrongForm(
        "the singular covariance is inverted",
        {
            "gaussian-mean": GAUSSIAN_MEAN
            + """\
    precision = np.linalg.inv(covariance)
    total = precision + np.eye(len(centre)) / sigma**2
    right = precision @ centre + x_noisy / sigma**2
    return np.linalg.solve(total, right.T).T
"""
        },
        {"test-shrink": 1.0},
    ),
    WrongForm(
        "the shares are left out of the mixture's weights",
        {"mixture-mean": mixture(share="np.ones_like(share)")},
        {"test-mixture": 1.0},
    ),
    WrongForm(
        "the mixture's weights without the constant",
        {"mixture-mean": mixture(power="0")},
        {"test-mixture": 1.0},
    ),
    WrongForm(
        "the mixture's constant for the plane",
        {"mixture-mean": mixture(power="1")},
        {"test-mixture": 1.0},
    ),
    WrongForm(
        "the mixture's weights know only the noise's variance",
        {"mixture-mean": mixture(smoothed="0 * variance + sigma**2")},
        {"test-mixture": 1.0},
    ),
    WrongForm(
        "a weighted mean of the centres",
        {"mixture-mean": mixture(factor="0 * variance")},
        {"test-mixture-limits": 1.0, "test-mixture": 1.0},
    ),
    WrongForm(
        "a mixture that is not stabilised",
        {
            "mixture-mean": mixture().replace(
                "softmax(log_weight, axis=1)",
                "np.exp(log_weight) / np.exp(log_weight).sum(axis=1, keepdims=True)",
            )
        },
        {"test-mixture": 1.0},
    ),
    # Part 6
    WrongForm(
        "a scalar product for the cosine",
        {
            "direction-agreement": AGREEMENT
            + """\
    lengths = np.linalg.norm([first, second], axis=2)
    defined = np.all(lengths > shortest, axis=0)
    return np.sum(first * second, axis=1)[defined], defined
"""
        },
        {"test-cosine": 1.0},
    ),
    WrongForm(
        "divided by one length only",
        {
            "direction-agreement": AGREEMENT
            + """\
    lengths = np.linalg.norm([first, second], axis=2)
    defined = np.all(lengths > shortest, axis=0)
    return (np.sum(first * second, axis=1)[defined] / lengths[1][defined]), defined
"""
        },
        {"test-cosine": 1.0},
    ),
    WrongForm(
        "only the second arrow is asked for its length",
        {
            "direction-agreement": AGREEMENT
            + """\
    lengths = np.linalg.norm([first, second], axis=2)
    defined = lengths[1] > shortest
    with np.errstate(invalid="ignore"):
        cosine = np.sum(first * second, axis=1)[defined] / np.prod(lengths, axis=0)[defined]
    return cosine, defined
"""
        },
        {"test-undefined": 1.0},
    ),
    WrongForm(
        "NaN where there is no direction",
        {
            "direction-agreement": AGREEMENT
            + """\
    lengths = np.linalg.norm([first, second], axis=2)
    with np.errstate(invalid="ignore"):
        cosine = np.sum(first * second, axis=1) / np.prod(lengths, axis=0)
    return cosine, np.all(lengths > shortest, axis=0)
"""
        },
        {"test-undefined": 1.0},
    ),
    WrongForm(
        "every step starts from the start",
        {
            "walk": WALK
            + "    return np.array([x_noisy] + [denoise(x_noisy) for _ in range(n_steps)])\n"
        },
        {"test-walk": 1.0},
    ),
    WrongForm(
        "the walk goes against the arrows",
        {
            "walk": WALK
            + """\
    path = [x_noisy]
    for _ in range(n_steps):
        path.append(path[-1] - (denoise(path[-1]) - path[-1]))
    return np.array(path)
"""
        },
        {"test-walk": 1.0},
    ),
    WrongForm(
        "the answer is added to the place",
        {
            "walk": WALK
            + """\
    path = [x_noisy]
    for _ in range(n_steps):
        path.append(path[-1] + denoise(path[-1]))
    return np.array(path)
"""
        },
        {"test-walk": 1.0},
    ),
    WrongForm(
        "only the end of the walk comes back",
        {
            "walk": WALK
            + """\
    for _ in range(n_steps):
        x_noisy = denoise(x_noisy)
    return x_noisy
"""
        },
        {"test-walk": 1.0},
    ),
]

PARTIAL = [
    WrongForm(
        "Parts 1 and 2 only",
        {
            "posterior-mean": MEAN + RELEASED,
            "log-density": DENSITY + RELEASED,
            "score": SCORE + RELEASED,
            "gaussian-mean": GAUSSIAN_MEAN + RELEASED,
            "mixture-mean": MIXTURE_MEAN + RELEASED,
            "direction-agreement": AGREEMENT + RELEASED,
            "walk": WALK + RELEASED,
        },
        {
            "test-mean": 1.0,
            "test-mean-safe": 1.0,
            "test-density": 1.0,
            "test-score": 1.0,
            "test-tweedie": 1.0,
            "test-shrink": 1.0,
            "test-mixture-limits": 1.0,
            "test-mixture": 1.0,
            "test-cosine": 1.0,
            "test-undefined": 1.0,
            "test-walk": 1.0,
        },
    ),
    WrongForm(
        "Gaussian noise is the only corruption",
        {"masking": MASKING + RELEASED, "salt-and-pepper": SALT + RELEASED},
        {"test-replacing": 1.0, "test-generator": 0.75},
    ),
    WrongForm(
        "no gradient and no mixture",
        {"loss-and-grad": LOSS + RELEASED, "mixture-mean": MIXTURE_MEAN + RELEASED},
        {
            "test-plain": 1.0,
            "test-pair": 1.0,
            "test-differences": 1.0,
            "test-mixture-limits": 1.0,
            "test-mixture": 1.0,
        },
    ),
]
