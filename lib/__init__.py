"""Reference implementations for the book: each module reads like the equations beside it.

Imports go one way, from the top of this list to the bottom::

    widgets -> plotting                              pictures; the only modules that know matplotlib
    training  ensembles  transfer                    runs, their records; fits to many data sets; sources
    optimizers  networks  linear_models  data        iterates and models
    decision                                         risks of estimators
    layers  losses  schedules                        the pieces they are made of
    initialization                                   how weights begin
    quadrature  params                               expectations, flat parameters
    checks  claims                                   checks of arguments and of claims
"""
