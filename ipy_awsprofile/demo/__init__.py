"""The embedded AWS: moto in this process, and our code that enforces IAM and STS as AWS does.

`aws.EmbeddedAws` is the one class that others need; `stages.scenario.seed` adds the users, roles
and buckets of the main job. A module imports only from its own line and from lines below it:

    commands                 ``python -m ipy_awsprofile demo`` and ``… lab``
    stages                   the accounts, roles and profiles of the demo and the tutorials
    aws                      EmbeddedAws: starts, stops, and creates users, roles and buckets
    server, enforcement      HTTP on a loopback port; our code in the place of moto's
    services                 STS, S3, IAM Identity Center, AWS Sign-In, instance metadata
    iam                      who signs a request, and what policies allow
    state                    what all parts of one embedded AWS share
    mfa, oidc                MFA devices; OpenID Connect providers
    sessions                 temporary credentials
    principals               who can sign: users, role sessions, services
    endpoints                paths that we answer instead of moto
    shared_files             profiles and caches, written as AWS's tools write them
    refusals                 errors in the form of each AWS protocol
"""
