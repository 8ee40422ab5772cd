"""Who signs after a switch? Today's AWS libraries, run against a recorder; ``make libraries``.

uses        the libraries, with the code that creates an object and uses it
recorder    a small AWS on loopback that notes the identity of each request
phases      a notebook that switches, in a process for each library
verdicts    what each cell of the table means
"""
