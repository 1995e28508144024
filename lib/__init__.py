"""Reference implementations for the book: each module reads like the equations beside it.

Each folder is a room, named by what one looks for in it; imports go one way, down this list::

    book           what a page shows          widgets, plotting, claims
    experiments    whole experiments          command_line, double_descent, published, sweeps
    generative     generative models          transport, bijections
    nn             networks                   networks, layers, losses, initialization, params,
                                              finetuning, ensembling
    optim          descent                    training, optimizers, schedules, gradient_flow
    stats          estimators and risks       transfer, bias_variance, decision, decision_losses,
                                              linear_models, divergences, quadrature
    datasets       data, made by formulas     augmentation, sampling, mnist1d, points, densities
    checks         checks of arguments

The training loop is `lib.optim.training.record`: it takes steps of an optimizer, and keeps what one asks for.
"""
