"""The embedded AWS: moto in this process, with IAM and STS enforced as on AWS.

Other packages need only the class `aws.EmbeddedAws`; `stages.scenario.seed` adds the users, roles
and buckets of the main job. A module imports only from its own line and from lines below it:

    commands                 ``python -m ipy_awsprofile demo`` and ``… lab``
    stages                   the accounts, roles and profiles of the demo and the tutorials
    aws                      EmbeddedAws: starts, stops, and creates users, roles and buckets
    server, enforcement      HTTP on a loopback port; replacements for parts of moto
    services                 STS, S3, IAM Identity Center, AWS Sign-In, instance metadata
    iam                      the signer of a request, and what policies allow
    state                    the state that all parts of one embedded AWS share
    mfa, oidc                MFA devices; OpenID Connect providers
    sessions                 temporary credentials
    principals               signers: users, role sessions, services
    endpoints                paths that bypass moto
    shared_files             profiles and caches, written as AWS's tools write them
    refusals                 errors in the form of each AWS protocol
"""
