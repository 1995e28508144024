"""Reference implementations for the book: each module reads like the equations beside it.

Imports go one way, from the top of this list to the bottom::

    widgets -> plotting                              pictures; the only modules that know matplotlib
    experiments                                      the command line of what takes long
    double_descent  published                        experiments, whole: ours, and others' run again
    training  ensembles  transfer                    runs and their records; many fits at once; sources
    sweeps                                           one function, many settings, in parallel
    optimizers  flows  networks  linear_models       iterates and models
    data  augmentation                               what they see
    decision                                         risks of estimators
    layers  losses  schedules                        the pieces they are made of
    initialization                                   how weights begin
    quadrature  params                               expectations, flat parameters
    claims                                           checks in the open, of what a page claims
    checks                                           checks of arguments
"""
