"""The service's audit of itself: canaries go into one of two neighbouring marts, the real service answers on both.

Questions go over the socket as a partner's do; counts of right and wrong guesses leave, and from them the least
epsilon that can be true. Nothing of an installation is touched: marts, keys and ledgers are made for it and deleted.
"""
