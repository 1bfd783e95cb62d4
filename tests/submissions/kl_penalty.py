"""Wrong answers to the assignment "kl-penalty" that students are known to give, and their cost."""

from tests.submissions import WrongForm

MEAN_ACTIVATION_AXIS = """\
def mean_activation(a):
    return a.mean(axis=1)
"""

KL_REVERSED = """\
def kl_bernoulli(rho, rho_hat):
    on = rho_hat * np.log(rho_hat / rho)
    off = (1 - rho_hat) * np.log((1 - rho_hat) / (1 - rho))
    return on + off
"""

KL_ON_ONLY = """\
def kl_bernoulli(rho, rho_hat):
    return rho * np.log(rho / rho_hat)
"""

KL_OFF_ONLY = """\
def kl_bernoulli(rho, rho_hat):
    return (1 - rho) * np.log((1 - rho) / (1 - rho_hat))
"""

KL_BITS = """\
def kl_bernoulli(rho, rho_hat):
    on = rho * np.log2(rho / rho_hat)
    off = (1 - rho) * np.log2((1 - rho) / (1 - rho_hat))
    return on + off
"""

SLOPE_FLIPPED = """\
def kl_slope(rho, rho_hat):
    return rho / rho_hat - (1 - rho) / (1 - rho_hat)
"""

SLOPE_NO_INNER_DERIVATIVE = """\
def kl_slope(rho, rho_hat):
    return -rho / rho_hat - (1 - rho) / (1 - rho_hat)
"""

SLOPE_OF_TRANSCRIPT = """\
def kl_slope(rho, rho_hat):
    return -rho / rho_hat + (1 - 2) / (1 - rho_hat)
"""

SLOPE_OF_REVERSED = """\
def kl_slope(rho, rho_hat):
    return np.log(rho_hat / rho) - np.log((1 - rho_hat) / (1 - rho))
"""

QUADRATIC_NO_HALF = """\
def quadratic(rho, epsilon):
    return epsilon**2 / (rho * (1 - rho))
"""

RANGE_OUTERMOST = """\
def good_range(approximation, rho, share):
    def excess(epsilon):
        kl = sparsity.kl_bernoulli(rho, rho + epsilon)
        return np.abs(approximation(rho, epsilon) - kl) / kl - share

    def last_break(end):
        grid = end * np.geomspace(1e-4, 0.99999, 4000)
        k = np.flatnonzero(excess(grid) <= 0)[-1]
        return brentq(excess, grid[k], grid[k + 1])

    return last_break(-rho), last_break(1 - rho)
"""

RANGE_OF_PARABOLA = """\
def good_range(approximation, rho, share):
    def excess(epsilon):
        kl = sparsity.kl_bernoulli(rho, rho + epsilon)
        q = approximation(rho, epsilon)
        return np.abs(q - kl) / q - share

    def first_break(end):
        grid = end * np.geomspace(1e-4, 0.99999, 4000)
        k = np.argmax(excess(grid) > 0)
        return brentq(excess, grid[k - 1], grid[k])

    return first_break(-rho), first_break(1 - rho)
"""

RANGE_MIRRORED = """\
def good_range(approximation, rho, share):
    def excess(epsilon):
        kl = sparsity.kl_bernoulli(rho, rho + epsilon)
        return np.abs(approximation(rho, epsilon) - kl) / kl - share

    grid = -rho * np.geomspace(1e-4, 0.99999, 4000)
    k = np.argmax(excess(grid) > 0)
    left = brentq(excess, grid[k - 1], grid[k])
    return left, -left
"""

PAIR_MIRRORED = """\
def unequal_pair():
    return 0.2, 0.8
"""

TRIANGLE_ORDER = """\
def broken_triangle():
    return 0.5, 0.001, 0.08
"""

TRIANGLE_OF_CHAPTER = """\
def broken_triangle():
    return 0.2, 0.35, 0.5
"""

PENALTY_PER_SAMPLE = """\
def penalty(a, rho):
    return sparsity.kl_bernoulli(rho, a).mean(axis=0).sum()
"""

PENALTY_MEAN_OF_UNITS = """\
def penalty(a, rho):
    return sparsity.kl_bernoulli(rho, sparsity.mean_activation(a)).mean()
"""

PENALTY_AXIS = """\
def penalty(a, rho):
    return sparsity.kl_bernoulli(rho, a.mean(axis=1)).sum()
"""

PENALTY_REVERSED = """\
def penalty(a, rho):
    rho_hat = sparsity.mean_activation(a)
    on = rho_hat * np.log(rho_hat / rho)
    return np.sum(on + (1 - rho_hat) * np.log((1 - rho_hat) / (1 - rho)))
"""

EXCESS_NUMBER_FOR_SIZE = """\
def minibatch_excess(penalty, a, rho, size):
    parts = [penalty(part, rho) for part in np.array_split(a, size)]
    return np.mean(parts) - penalty(a, rho)
"""

EXCESS_FLIPPED = """\
def minibatch_excess(penalty, a, rho, size):
    parts = [penalty(a[i : i + size], rho) for i in range(0, len(a), size)]
    return penalty(a, rho) - np.mean(parts)
"""

EXCESS_SUM = """\
def minibatch_excess(penalty, a, rho, size):
    parts = [penalty(a[i : i + size], rho) for i in range(0, len(a), size)]
    return np.sum(parts) - penalty(a, rho)
"""

SAFE_KL_NAIVE = """\
def safe_kl(z, rho):
    rho_hat = expit(z).mean(axis=0)
    return rho * np.log(rho / rho_hat) + (1 - rho) * np.log((1 - rho) / (1 - rho_hat))
"""

SAFE_KL_CLIPPED = """\
def safe_kl(z, rho):
    rho_hat = np.clip(expit(z).mean(axis=0), 1e-8, 1 - 1e-8)
    return rho * np.log(rho / rho_hat) + (1 - rho) * np.log((1 - rho) / (1 - rho_hat))
"""

SAFE_KL_PER_SAMPLE = """\
def safe_kl(z, rho):
    on, off = rho * np.log(rho / expit(z)), (1 - rho) * np.log((1 - rho) / expit(-z))
    return (on + off).mean(axis=0)
"""

SAFE_GRADIENT_NAIVE = """\
def safe_gradient(z, rho):
    a = expit(z)
    rho_hat = a.mean(axis=0)
    return (-rho / rho_hat + (1 - rho) / (1 - rho_hat)) * a * (1 - a) / len(z)
"""

SAFE_GRADIENT_CLIPPED = """\
def safe_gradient(z, rho):
    rho_hat = np.clip(expit(z).mean(axis=0), 1e-8, 1 - 1e-8)
    slope = -rho / rho_hat + (1 - rho) / (1 - rho_hat)
    return slope * expit(z) * expit(-z) / len(z)
"""

SAFE_GRADIENT_NO_M = """\
def safe_gradient(z, rho):
    on, off = expit(z), expit(-z)
    return (-rho / on.mean(axis=0) + (1 - rho) / off.mean(axis=0)) * on * off
"""

SAFE_GRADIENT_ONE_SAMPLE = """\
def safe_gradient(z, rho):
    return (expit(z) - rho) / len(z)
"""

CROWD_EVEN = """\
def crowd(m, h, rho):
    return np.full((m, h), rho)
"""

CROWD_IN_TURN = """\
def crowd(m, h, rho):
    low = rho / 100
    together = int(m * (rho - low) / (1 - low)) + 1
    high = (rho * m - low * (m - together)) / together
    a = np.full((m, h), low)
    for j in range(h):
        a[(together * j + np.arange(together)) % m, j] = high
    return a
"""

WRONG_FORMS = [
    WrongForm(
        "the mean over the wrong axis",
        {"mean-activation": MEAN_ACTIVATION_AXIS},
        {"test-mean-activation": 1},
    ),
    WrongForm("KL reversed", {"kl-bernoulli": KL_REVERSED}, {"test-kl-value": 2}),
    WrongForm(
        "the off term of the KL missing",
        {"kl-bernoulli": KL_ON_ONLY},
        {"test-kl-properties": 1, "test-kl-value": 2},
    ),
    WrongForm(
        "the on term of the KL missing",
        {"kl-bernoulli": KL_OFF_ONLY},
        {"test-kl-properties": 1, "test-kl-value": 2},
    ),
    WrongForm("log base 2", {"kl-bernoulli": KL_BITS}, {"test-kl-value": 1}),
    WrongForm(
        "the sign of the derivative flipped", {"kl-slope": SLOPE_FLIPPED}, {"test-kl-slope": 1}
    ),
    WrongForm(
        "the inner derivative of log(1 - x) missing",
        {"kl-slope": SLOPE_NO_INNER_DERIVATIVE},
        {"test-kl-slope": 1},
    ),
    WrongForm(
        "the transcript's 1 - 2 in the derivative",
        {"kl-slope": SLOPE_OF_TRANSCRIPT},
        {"test-kl-slope": 1},
    ),
    WrongForm(
        "the derivative of the reversed KL", {"kl-slope": SLOPE_OF_REVERSED}, {"test-kl-slope": 1}
    ),
    WrongForm(
        "the half of the parabola missing", {"quadratic": QUADRATIC_NO_HALF}, {"test-quadratic": 1}
    ),
    WrongForm(
        "the outermost place where the parabola is good",
        {"good-range": RANGE_OUTERMOST},
        {"test-good-range": 1},
    ),
    WrongForm(
        "the left end mirrored to the right", {"good-range": RANGE_MIRRORED}, {"test-good-range": 1}
    ),
    WrongForm(
        "the share of the parabola, not of the divergence",
        {"good-range": RANGE_OF_PARABOLA},
        {"test-good-range": 2},
    ),
    WrongForm(
        "a symmetric pair as evidence of asymmetry",
        {"unequal-pair": PAIR_MIRRORED},
        {"test-unequal-pair": 1},
    ),
    WrongForm(
        "the triple in another order",
        {"broken-triangle": TRIANGLE_ORDER},
        {"test-broken-triangle": 1},
    ),
    WrongForm(
        "a triple that breaks the inequality by too little",
        {"broken-triangle": TRIANGLE_OF_CHAPTER},
        {"test-broken-triangle": 0.5},
    ),
    WrongForm(
        "KL per sample, the mean of the KLs", {"penalty": PENALTY_PER_SAMPLE}, {"test-penalty": 1}
    ),
    WrongForm(
        "the mean over the units instead of their sum",
        {"penalty": PENALTY_MEAN_OF_UNITS},
        {"test-penalty": 1},
    ),
    WrongForm("the wrong axis within the penalty", {"penalty": PENALTY_AXIS}, {"test-penalty": 1}),
    WrongForm("KL reversed within the penalty", {"penalty": PENALTY_REVERSED}, {"test-penalty": 1}),
    WrongForm(
        "so many mini-batches instead of so many rows",
        {"minibatch-excess": EXCESS_NUMBER_FOR_SIZE},
        {"test-minibatch-excess": 1},
    ),
    WrongForm(
        "the sign of the excess flipped",
        {"minibatch-excess": EXCESS_FLIPPED},
        {"test-minibatch-excess": 1},
    ),
    WrongForm(
        "the sum over the mini-batches instead of their mean",
        {"minibatch-excess": EXCESS_SUM},
        {"test-minibatch-excess": 1},
    ),
    WrongForm(
        "the usual form where the safe one is asked for",
        {"safe-kl": SAFE_KL_NAIVE, "safe-gradient": SAFE_GRADIENT_NAIVE},
        {"test-safe-kl-edge": 1, "test-safe-gradient-edge": 1},
    ),
    WrongForm(
        "rho_hat clipped in the safe version",
        {"safe-kl": SAFE_KL_CLIPPED, "safe-gradient": SAFE_GRADIENT_CLIPPED},
        {"test-safe-kl-edge": 1, "test-safe-gradient-edge": 1},
    ),
    WrongForm(
        "KL per sample in the safe version",
        {"safe-kl": SAFE_KL_PER_SAMPLE},
        {"test-safe-kl": 1, "test-safe-kl-edge": 1},
    ),
    WrongForm(
        "1/m missing in the gradient",
        {"safe-gradient": SAFE_GRADIENT_NO_M},
        {"test-safe-gradient": 1},
    ),
    WrongForm(
        "the gradient of a single sample used for many",
        {"safe-gradient": SAFE_GRADIENT_ONE_SAMPLE},
        {"test-safe-gradient": 1, "test-safe-gradient-edge": 1},
    ),
    WrongForm("the same activation everywhere", {"crowd": CROWD_EVEN}, {"test-crowd": 1}),
    WrongForm("units that take turns", {"crowd": CROWD_IN_TURN}, {"test-crowd": 1}),
]

UNANSWERED = {
    name: f"def {signature}:\n    # YOUR CODE HERE\n    raise NotImplementedError()\n"
    for name, signature in (
        ("quadratic", "quadratic(rho, epsilon)"),
        ("good-range", "good_range(approximation, rho, share)"),
        ("unequal-pair", "unequal_pair()"),
        ("broken-triangle", "broken_triangle()"),
        ("penalty", "penalty(a, rho)"),
        ("minibatch-excess", "minibatch_excess(penalty, a, rho, size)"),
        ("safe-kl", "safe_kl(z, rho)"),
        ("safe-gradient", "safe_gradient(z, rho)"),
        ("crowd", "crowd(m, h, rho)"),
    )
}

PARTIAL = [
    WrongForm(
        "only the first three parts",
        UNANSWERED,
        {
            "test-quadratic": 1,
            "test-good-range": 2,
            "test-unequal-pair": 1,
            "test-broken-triangle": 1,
            "test-penalty": 1,
            "test-minibatch-excess": 1,
            "test-safe-kl": 1,
            "test-safe-kl-edge": 1,
            "test-safe-gradient": 1,
            "test-safe-gradient-edge": 1,
            "test-crowd": 1,
        },
    ),
    WrongForm(
        "no range, no gradient, and the usual form at the edge",
        {
            "good-range": UNANSWERED["good-range"],
            "safe-kl": SAFE_KL_NAIVE,
            "safe-gradient": UNANSWERED["safe-gradient"],
        },
        {
            "test-good-range": 2,
            "test-safe-kl-edge": 1,
            "test-safe-gradient": 1,
            "test-safe-gradient-edge": 1,
        },
    ),
]
