"""What the lecture notes contain, and how the page that maps them onto the book names it."""

import re

SECTIONS = {
    "1": "Gradients And Weight Initialization",
    "1.1": "Stochastic Gradient Descent",
    "1.2": "Momentum",
    "1.2.1": "Nesterov's Accelerated Momentum",
    "1.3": "ADAM",
    "1.4": "Weight Initialization",
    "1.4.1": "The Forward Pass",
    "1.4.2": "The Backwards Pass",
    "2": "Generalization, Regularization, and Transfer Learning",
    "2.1": "Statistical Decision Theory",
    "2.1.1": "Loss Functions and Risk",
    "2.1.2": "Comparing Loss Functions",
    "2.2": "Sources Of Error",
    "2.2.1": "Irreducible Error",
    "2.2.2": "The Bias Variance Trade Off",
    "2.2.3": "The Double Descent Surprise",
    "2.3": "Error Reduction",
    "2.3.1": "Data Augmentation",
    "2.3.2": "Implicit and Explicit Regularization",
    "2.3.3": "Early Stopping, Ensembling, Dropout",
    "3": "Convolutional Neural Networks",
    "3.1": "Image Transformations",
    "3.2": "The Convolution Operator",
    "3.2.1": "The Continuous Convolution",
    "3.2.2": "The Discrete Convolution In 1D",
    "3.2.3": "The Discrete Convolution In 2D",
    "3.3": "Convolutional Network Architecture",
    "3.3.1": "Convolutional Layers",
    "3.3.2": "Stride, Size, Dilation, and Padding",
    "3.3.3": "Downsampling and Upsampling",
    "3.4": "Image Classification and Computer Vision",
    "4": "Transformers",
    "5": "Graph Neural Networks",
    "6": "Generative Adversarial Networks",
    "7": "Normalizing Flow",
    "8": "Variational Autoencoders",
}
# Or with no more than an introduction.
WITHOUT_TEXT = {section for section in SECTIONS if int(section[0]) > 2}

EQUATIONS = [f"({chapter}.{k})" for chapter in (1, 2) for k in range(1, 25)]
FIGURES = {  # with the panels that the notes name
    **{f"Figure 1.{k}": "ab" if k == 4 else "" for k in range(1, 7)},
    **{f"Figure 2.{k}": "abc" if k in (2, 8) else "" for k in range(1, 10)},
}
PROBLEMS = [f"Problem {chapter}.{k}" for chapter, last in ((1, 6), (2, 5)) for k in range(1, last + 1)]
LISTINGS = {"Listing 1": "sgd", "Listing 2": "momentum", "Listing 3": "nesterov", "Listing 4": "adam"}
UNNUMBERED = [
    "the algorithm in the box",
    "gradient on the rows 1, 7, 2, 10",
    "the recursion, step by step",
    r"momentum of parameter $j$",
    r"$m$ and $v$ for $\beta = 0$",
    "step with a normalized gradient",
    "mean of a pre-activation",
    "variance of a pre-activation",
    r"gradient of $\Omega^{k-1}$, three forms",
    "mean of that gradient",
    "the five losses",
    "risk of the constant 3",
    r"the estimators $\hat p_1$, $\hat p_2$",
    "volume of a ball",
    "Stirling's approximation",
    "share of the shell",
    "loss with a penalty",
    r"flow along $g$",
    "weight decay, and its loss",
]
PROMISES = {  # a phrase of the row -> whether the book keeps it
    "results are proved": "kept",
    "backpropagation": "kept",
    "proof that SGD converges": "kept",
    "learning-rate schedule": "kept",
    "early stopping in the programs": "kept",
    "do not divide the data": "kept",
    "how and why networks generalize": "as far as it is known",
    "transfer learning": "kept",
    "split of the mean squared error": "kept",
    "code of Figures 2.2 and 2.3": "kept",
    "created in chapter 1": "kept",
    "augmentation of images": "in part",
    "Lagrange multiplier": "kept",
    "convolution, its symmetry, the architecture": "not kept",
    "again and again": "not kept",
    "five more subjects": "in part",
}


def item(entry: str, chapter: str) -> tuple[str, str]:
    """Return the kind and the name of what a row of the page is about, from its first cell.

    Problems are numbered anew in each chapter of the notes; their name here has the chapter in front.
    """
    if found := re.match(r"\([12]\.\d+\)", entry):
        return "equation", found.group()
    if found := re.match(r"Figure [12]\.\d", entry):
        return "figure", found.group()
    if found := re.match(r"Problem (\d)\b", entry):
        return "problem", f"Problem {chapter}.{found[1]}"
    if found := re.match(r"Listing \d", entry):
        return "listing", found.group()
    return "unnumbered", entry.strip("*")


def label(kind: str, name: str) -> str:
    """Return the label that this item has in the book; empty for what has no number."""
    number = name.strip("()").rpartition(" ")[2].replace(".", "-")
    return {
        "equation": f"notes-eq-{number}",
        "figure": f"notes-fig-{number}",
        "problem": f"notes-problem-{number}",
        "listing": f"notes-listing-1-{LISTINGS.get(name)}",
    }.get(kind, "")
