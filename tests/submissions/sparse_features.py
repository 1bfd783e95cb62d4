"""Wrong answers to the assignment "sparse-features", and what each loses.

A run of this notebook trains five networks. So the classic mistakes are handed in one by one, and
the others several at a time, no two of them in the same answer.
"""

from tests.submissions import WrongForm


def together(forms: list[WrongForm]) -> list[WrongForm]:
    """Join forms that answer different cells into as few submissions as that allows."""
    joined: list[WrongForm] = []
    for form in forms:
        for i, other in enumerate(joined):
            if not other.answers.keys() & form.answers.keys():
                lost = dict(other.lost)
                for cell, points in form.lost.items():
                    lost[cell] = lost.get(cell, 0.0) + points
                answers = other.answers | form.answers
                joined[i] = WrongForm(f"{other.name}; {form.name}", answers, lost)
                break
        else:
            joined.append(form)
    return joined


CLASSICS = [
    WrongForm(
        "each patch's own standard deviation",
        {
            "normalise": """
def normalise(patches, limit=None):
    centred = patches - patches.mean(axis=1, keepdims=True)
    if limit is None:
        limit = 3 * centred.std(axis=1, keepdims=True)
    return 0.5 + 0.4 * np.clip(centred, -limit, limit) / limit, limit
"""
        },
        {"test-spread": 0.5},
    ),
    WrongForm(
        "the mean of all patches instead of each patch's own",
        {
            "normalise": """
def normalise(patches, limit=None):
    centred = patches - patches.mean()
    if limit is None:
        limit = 3 * centred.std()
    return 0.5 + 0.4 * np.clip(centred, -limit, limit) / limit, limit
"""
        },
        {"test-centre": 1.0},
    ),
    WrongForm(
        "the mean over the units",
        {
            "mean-activations": """
def mean_activations(params, x):
    return byhand.encode(params, x).mean(axis=1)
"""
        },
        {"test-mean": 1.0},
    ),
    WrongForm(
        "the weights, not scaled to length",
        {
            "best-input": """
def best_input(params, length=1.0):
    return length * params["encoder_weight"].T
"""
        },
        {"test-best": 1.0},
    ),
    WrongForm(
        "divided by the length of the rows of the weight",
        {
            "best-input": """
def best_input(params, length=1.0):
    weight = params["encoder_weight"]
    return length * (weight / np.linalg.norm(weight, axis=1, keepdims=True)).T
"""
        },
        {"test-best": 2.0},
    ),
    WrongForm(
        "active inputs of a unit instead of active units for an input",
        {
            "active-units": """
def active_units(activation, threshold=0.5):
    return (activation > threshold).sum(axis=0)
"""
        },
        {"test-active": 1.0},
    ),
    WrongForm(
        "active means above the average",
        {
            "active-units": """
def active_units(activation, threshold=0.5):
    return (activation > activation.mean()).sum(axis=1)
"""
        },
        {"test-active": 1.0},
    ),
    WrongForm(
        "the least exciting inputs",
        {
            "top-inputs": """
def top_inputs(activation, unit, k):
    return np.argsort(activation[:, unit])[:k]
"""
        },
        {"test-top": 1.0},
    ),
    WrongForm(
        "the right inputs, the strongest last",
        {
            "top-inputs": """
def top_inputs(activation, unit, k):
    return np.argsort(activation[:, unit])[-k:]
"""
        },
        {"test-top": 1.0},
    ),
    WrongForm(
        "the unit set to 0",
        {
            "ablation-cost": """
def ablation_cost(params, x):
    activation = byhand.encode(params, x)
    whole = 0.5 * np.sum((byhand.decode(params, activation) - x) ** 2) / len(x)
    cost = np.empty(activation.shape[1])
    for unit in range(activation.shape[1]):
        held = activation.copy()
        held[:, unit] = 0
        without = 0.5 * np.sum((byhand.decode(params, held) - x) ** 2) / len(x)
        cost[unit] = without - whole
    return cost
"""
        },
        {"test-ablation": 1.0},
    ),
]

OTHERS = [
    WrongForm(
        "the mean of each pixel over the patches",
        {
            "normalise": """
def normalise(patches, limit=None):
    centred = patches - patches.mean(axis=0)
    if limit is None:
        limit = 3 * centred.std()
    return 0.5 + 0.4 * np.clip(centred, -limit, limit) / limit, limit
"""
        },
        {"test-centre": 1.0, "test-spread": 1.0},
    ),
    WrongForm(
        "nothing is cut off",
        {
            "normalise": """
def normalise(patches, limit=None):
    centred = patches - patches.mean(axis=1, keepdims=True)
    if limit is None:
        limit = 3 * centred.std()
    return 0.5 + 0.4 * centred / limit, limit
"""
        },
        {"test-spread": 0.5},
    ),
    WrongForm(
        "a given limit is not used",
        {
            "normalise": """
def normalise(patches, limit=None):
    centred = patches - patches.mean(axis=1, keepdims=True)
    limit = 3 * centred.std()
    return 0.5 + 0.4 * np.clip(centred, -limit, limit) / limit, limit
"""
        },
        {"test-spread": 0.5},
    ),
    WrongForm(
        "the input is changed in place",
        {
            "normalise": """
def normalise(patches, limit=None):
    patches -= patches.mean(axis=1, keepdims=True)
    if limit is None:
        limit = 3 * patches.std()
    return 0.5 + 0.4 * np.clip(patches, -limit, limit) / limit, limit
"""
        },
        {"test-centre": 1.0},
    ),
    WrongForm(
        "the plain network without weight decay",
        {
            "objectives": """
def objectives(x, rho, sparsity_weight, weight_decay):
    sparse = partial(
        byhand.sparse.loss_and_grad,
        x=x,
        rho=rho,
        sparsity_weight=sparsity_weight,
        weight_decay=weight_decay,
    )
    return sparse, partial(byhand.autoencoder.loss_and_grad, x=x)
"""
        },
        {"test-objectives": 0.5},
    ),
    WrongForm(
        "the settings of the page instead of the arguments",
        {
            "objectives": """
def objectives(x, rho, sparsity_weight, weight_decay):
    sparse = partial(byhand.sparse.loss_and_grad, x=x, **SETTINGS)
    return sparse, partial(
        byhand.autoencoder.loss_and_grad, x=x, weight_decay=weight_decay
    )
"""
        },
        {"test-objectives": 0.5},
    ),
    WrongForm(
        "every stage begins at the start",
        {
            "train-in-stages": """
def train_in_stages(objective, start, stages):
    return [byhand.lbfgs(objective, start, max_iter=max_iter) for max_iter in stages]
"""
        },
        {"test-stages": 0.5},
    ),
    WrongForm(
        "the point between two stages counted twice",
        {
            "join-losses": """
def join_losses(fits):
    return np.concatenate([fit.history.loss for fit in fits])
"""
        },
        {"test-stages": 0.5},
    ),
    WrongForm(
        "the sparse parameters of the first stage",
        {
            "train": """
sparse_objective, plain_objective = objectives(x, **SETTINGS)
sparse_fits = train_in_stages(sparse_objective, start, STAGES)
plain_fits = train_in_stages(plain_objective, start, STAGES)
sparse_params, plain_params = sparse_fits[0].params, plain_fits[-1].params
"""
        },
        {"test-trained": 0.5},
    ),
    WrongForm(
        "the sparse network for both",
        {
            "train": """
sparse_objective, plain_objective = objectives(x, **SETTINGS)
sparse_fits = train_in_stages(sparse_objective, start, STAGES)
plain_fits = sparse_fits
sparse_params, plain_params = sparse_fits[-1].params, plain_fits[-1].params
"""
        },
        {"test-trained": 0.5},
    ),
    WrongForm(
        "the activation of the mean input",
        {
            "mean-activations": """
def mean_activations(params, x):
    return byhand.encode(params, x.mean(axis=0, keepdims=True))[0]
"""
        },
        {"test-mean": 1.0},
    ),
    WrongForm(
        "only units above the target",
        {
            "missed-units": """
def missed_units(rho_hat, rho, tolerance):
    return np.flatnonzero(rho_hat > (1 + tolerance) * rho)
"""
        },
        {"test-missed": 1.0},
    ),
    WrongForm(
        "the tolerance taken as absolute",
        {
            "missed-units": """
def missed_units(rho_hat, rho, tolerance):
    return np.flatnonzero(np.abs(rho_hat - rho) > tolerance)
"""
        },
        {"test-missed": 1.0},
    ),
    WrongForm(
        "a mask instead of unit numbers",
        {
            "missed-units": """
def missed_units(rho_hat, rho, tolerance):
    return np.abs(rho_hat - rho) > tolerance * rho
"""
        },
        {"test-missed": 1.0},
    ),
    WrongForm(
        "one input a column",
        {
            "best-input": """
def best_input(params, length=1.0):
    weight = params["encoder_weight"]
    return length * weight / np.linalg.norm(weight, axis=0)
"""
        },
        {"test-best": 2.0},
    ),
    WrongForm(
        "the decoder's weights",
        {
            "best-input": """
def best_input(params, length=1.0):
    weight = params["decoder_weight"]
    return length * weight / np.linalg.norm(weight, axis=1, keepdims=True)
"""
        },
        {"test-best": 1.0},
    ),
    WrongForm(
        "divided by the length of the whole matrix",
        {
            "best-input": """
def best_input(params, length=1.0):
    weight = params["encoder_weight"]
    return length * weight.T / np.linalg.norm(weight)
"""
        },
        {"test-best": 1.0},
    ),
    WrongForm(
        "random inputs of any length",
        {
            "best-of-random": """
def best_of_random(params, n_random, rng):
    weight = params["encoder_weight"]
    inputs = rng.normal(size=(n_random, len(weight)))
    return (inputs @ weight).max(axis=0) / np.linalg.norm(weight, axis=0)
"""
        },
        {"test-random": 1.0},
    ),
    WrongForm(
        "random inputs scaled by column",
        {
            "best-of-random": """
def best_of_random(params, n_random, rng):
    weight = params["encoder_weight"]
    inputs = rng.normal(size=(n_random, len(weight)))
    inputs /= np.linalg.norm(inputs, axis=0)
    return (inputs @ weight).max(axis=0) / np.linalg.norm(weight, axis=0)
"""
        },
        {"test-random": 1.0},
    ),
    WrongForm(
        "the angle is not doubled",
        {
            "orientation": """
def orientation(weight, size=8):
    power = np.abs(np.fft.fft2(weight.T.reshape(-1, size, size), s=(64, 64))) ** 2
    power[:, 0, 0] = 0
    f = np.fft.fftfreq(64)
    theta = np.arctan2(f[:, None], f[None, :])
    q = (power * np.exp(1j * theta)).sum((1, 2)) / power.sum((1, 2))
    return np.abs(q), np.degrees(np.angle(q)) % 180
"""
        },
        {"test-orientation": 2.0},
    ),
    WrongForm(
        "frequency 0 counts as a direction",
        {
            "orientation": """
def orientation(weight, size=8):
    power = np.abs(np.fft.fft2(weight.T.reshape(-1, size, size), s=(64, 64))) ** 2
    f = np.fft.fftfreq(64)
    theta = np.arctan2(f[:, None], f[None, :])
    q = (power * np.exp(2j * theta)).sum((1, 2)) / power.sum((1, 2))
    return np.abs(q), np.degrees(np.angle(q) / 2) % 180
"""
        },
        {"test-orientation": 0.5},
    ),
    WrongForm(
        "the argument is not halved",
        {
            "orientation": """
def orientation(weight, size=8):
    power = np.abs(np.fft.fft2(weight.T.reshape(-1, size, size), s=(64, 64))) ** 2
    power[:, 0, 0] = 0
    f = np.fft.fftfreq(64)
    theta = np.arctan2(f[:, None], f[None, :])
    q = (power * np.exp(2j * theta)).sum((1, 2)) / power.sum((1, 2))
    return np.abs(q), np.degrees(np.angle(q)) % 180
"""
        },
        {"test-orientation": 0.5},
    ),
    WrongForm(
        "rows and columns of the picture exchanged",
        {
            "orientation": """
def orientation(weight, size=8):
    power = np.abs(np.fft.fft2(weight.T.reshape(-1, size, size), s=(64, 64))) ** 2
    power[:, 0, 0] = 0
    f = np.fft.fftfreq(64)
    theta = np.arctan2(f[None, :], f[:, None])
    q = (power * np.exp(2j * theta)).sum((1, 2)) / power.sum((1, 2))
    return np.abs(q), np.degrees(np.angle(q) / 2) % 180
"""
        },
        {"test-orientation": 0.5},
    ),
    WrongForm(
        "the rows of the weight taken for filters",
        {
            "orientation": """
def orientation(weight, size=8):
    power = np.abs(np.fft.fft2(weight.reshape(-1, size, size), s=(64, 64))) ** 2
    power[:, 0, 0] = 0
    f = np.fft.fftfreq(64)
    theta = np.arctan2(f[:, None], f[None, :])
    q = (power * np.exp(2j * theta)).sum((1, 2)) / power.sum((1, 2))
    return np.abs(q), np.degrees(np.angle(q) / 2) % 180
"""
        },
        {"test-orientation": 2.0},
    ),
    WrongForm(
        "the threshold fixed at 0.5",
        {
            "active-units": """
def active_units(activation, threshold=0.5):
    return (activation > 0.5).sum(axis=1)
"""
        },
        {"test-active": 1.0},
    ),
    WrongForm(
        "activations added up instead of units counted",
        {
            "active-units": """
def active_units(activation, threshold=0.5):
    return activation.sum(axis=1)
"""
        },
        {"test-active": 1.0},
    ),
    WrongForm(
        "the units that an input excites most",
        {
            "top-inputs": """
def top_inputs(activation, unit, k):
    return np.argsort(-activation[unit])[:k]
"""
        },
        {"test-top": 1.0},
    ),
    WrongForm(
        "units that were silenced stay silenced",
        {
            "ablation-cost": """
def ablation_cost(params, x):
    activation = byhand.encode(params, x)
    whole = 0.5 * np.sum((byhand.decode(params, activation) - x) ** 2) / len(x)
    cost = np.empty(activation.shape[1])
    for unit in range(activation.shape[1]):
        activation[:, unit] = activation[:, unit].mean()
        without = 0.5 * np.sum((byhand.decode(params, activation) - x) ** 2) / len(x)
        cost[unit] = without - whole
    return cost
"""
        },
        {"test-ablation": 1.0},
    ),
    WrongForm(
        "held at the mean over the units of each input",
        {
            "ablation-cost": """
def ablation_cost(params, x):
    activation = byhand.encode(params, x)
    whole = 0.5 * np.sum((byhand.decode(params, activation) - x) ** 2) / len(x)
    cost = np.empty(activation.shape[1])
    for unit in range(activation.shape[1]):
        held = activation.copy()
        held[:, unit] = activation.mean(axis=1)
        without = 0.5 * np.sum((byhand.decode(params, held) - x) ** 2) / len(x)
        cost[unit] = without - whole
    return cost
"""
        },
        {"test-ablation": 1.0},
    ),
    WrongForm(
        "the loss with the unit less the loss without it",
        {
            "ablation-cost": """
def ablation_cost(params, x):
    activation = byhand.encode(params, x)
    whole = 0.5 * np.sum((byhand.decode(params, activation) - x) ** 2) / len(x)
    cost = np.empty(activation.shape[1])
    for unit in range(activation.shape[1]):
        held = activation.copy()
        held[:, unit] = activation[:, unit].mean()
        without = 0.5 * np.sum((byhand.decode(params, held) - x) ** 2) / len(x)
        cost[unit] = whole - without
    return cost
"""
        },
        {"test-ablation": 1.0},
    ),
    WrongForm(
        "the squared error per pixel",
        {
            "ablation-cost": """
def ablation_cost(params, x):
    activation = byhand.encode(params, x)
    whole = np.mean((byhand.decode(params, activation) - x) ** 2)
    cost = np.empty(activation.shape[1])
    for unit in range(activation.shape[1]):
        held = activation.copy()
        held[:, unit] = activation[:, unit].mean()
        cost[unit] = np.mean((byhand.decode(params, held) - x) ** 2) - whole
    return cost
"""
        },
        {"test-ablation": 1.0},
    ),
    WrongForm(
        "each lambda goes on from the one before",
        {
            "sweep": """
def sweep(x, start, sparsity_weights, rho, weight_decay, max_iter):
    trained = {}
    for sparsity_weight in sparsity_weights:
        objective = objectives(x, rho, sparsity_weight, weight_decay)[0]
        start = byhand.lbfgs(objective, start, max_iter=max_iter).params
        trained[sparsity_weight] = start
    return trained
"""
        },
        {"test-sweep": 1.0},
    ),
    WrongForm(
        "the same lambda in every fit",
        {
            "sweep": """
def sweep(x, start, sparsity_weights, rho, weight_decay, max_iter):
    objective = objectives(x, rho, sparsity_weights[0], weight_decay)[0]
    return {
        weight: byhand.lbfgs(objective, start, max_iter=max_iter).params
        for weight in sparsity_weights
    }
"""
        },
        {"test-sweep": 1.0},
    ),
]

WRONG_FORMS = [*CLASSICS, *together(OTHERS)]

PARTIAL = [
    WrongForm(
        "stopped after Part 4",
        {
            "orientation": """
def orientation(weight, size=8):
    # YOUR CODE HERE
    raise NotImplementedError()
""",
            "active-units": """
def active_units(activation, threshold=0.5):
    # YOUR CODE HERE
    raise NotImplementedError()
""",
            "top-inputs": """
def top_inputs(activation, unit, k):
    # YOUR CODE HERE
    raise NotImplementedError()
""",
            "ablation-cost": """
def ablation_cost(params, x):
    # YOUR CODE HERE
    raise NotImplementedError()
""",
            "sweep": """
def sweep(x, start, sparsity_weights, rho, weight_decay, max_iter):
    # YOUR CODE HERE
    raise NotImplementedError()
""",
        },
        {
            "test-orientation": 2.0,
            "test-active": 1.0,
            "test-top": 1.0,
            "test-ablation": 1.0,
            "test-sweep": 1.0,
        },
    ),
    WrongForm(
        "the measures but no training",
        {
            "objectives": """
def objectives(x, rho, sparsity_weight, weight_decay):
    # YOUR CODE HERE
    raise NotImplementedError()
""",
            "train-in-stages": """
def train_in_stages(objective, start, stages):
    # YOUR CODE HERE
    raise NotImplementedError()
""",
            "join-losses": """
def join_losses(fits):
    # YOUR CODE HERE
    raise NotImplementedError()
""",
            "train": """
# YOUR CODE HERE
raise NotImplementedError()
""",
            "sweep": """
def sweep(x, start, sparsity_weights, rho, weight_decay, max_iter):
    # YOUR CODE HERE
    raise NotImplementedError()
""",
        },
        {"test-objectives": 1.0, "test-stages": 1.0, "test-trained": 1.0, "test-sweep": 1.0},
    ),
    WrongForm(
        "the histories are not joined, and no random inputs are drawn",
        {
            "join-losses": """
def join_losses(fits):
    # YOUR CODE HERE
    raise NotImplementedError()
""",
            "best-of-random": """
def best_of_random(params, n_random, rng):
    # YOUR CODE HERE
    raise NotImplementedError()
""",
        },
        {"test-stages": 0.5, "test-random": 1.0},
    ),
]
