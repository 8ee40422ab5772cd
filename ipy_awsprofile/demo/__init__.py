"""The embedded AWS: moto in this process, with a layer of ours that enforces as AWS does.

`aws.EmbeddedAws` is the door, `scenario.seed` puts the main job's users and buckets in. Behind it:

    accounts            users, roles and buckets, made in moto's memory
    shared_files        sections of the config and credentials files, and the token caches
    sso                 IAM Identity Center: people and the roles they may have
      sso_tokens        its sign-ins, made of sso_records
      sso_endpoints, sso_page
                        both on the wire, and the page for the person
    signin              what renews the credentials of `aws login`
    metadata            the credential services of instances and containers
    endpoints           how these stand beside moto
    server              moto's web application on a loopback port
    enforcement         puts the layer on moto, and takes it off
      signed_requests   every request: who signed it, and may it
      sts, assume_role, web_identity
                        what STS answers
      s3                what ListBuckets answers
      refusals          how each protocol says no
    callers             from an access key to a principal and its policies
    sessions, mfa       temporary credentials; devices and their codes
    trust, policy, conditions, session_policies, constraints
                        the rules, as functions of what they are given
"""
