"""The private and undocumented names of other packages that the package uses.

A release of another package can rename or remove any of them: `test_private_names` checks them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from ipy_awsprofile.follower import INDEX, Follower, all_followers

#: For each file, the modules and classes of other packages, and what the file uses of them. A name
#: has to exist, `name(a, b)` is called with these parameters, `def name(a, b)` is overridden and
#: accepts no others, and one of the names around "|" is enough.
PRIVATE = """
__init__.py
  IPython.core.extensions.ExtensionManager: loaded
  IPython.core.interactiveshell.InteractiveShell: configurables; extension_manager; magics_manager
  IPython.core.magic.MagicsManager: magics; registry
across/sources.py
  botocore.credentials.AssumeRoleProvider: def _resolve_source_credentials(role_config,
    profile_name)
calls/recorder.py
  botocore: register_initializer(callback); unregister_initializer(callback)
  botocore.signers.RequestSigner: _credentials
config/files.py
  botocore.configloader: build_profile_map(parsed_ini_config); raw_config_parse(config_filename)
  botocore.exceptions.BotoCoreError: kwargs
config/regions.py
  botocore.configprovider: ConfiguredEndpointProvider(full_config, scoped_config, client_name)
  botocore.configprovider.ConfiguredEndpointProvider: provide()
  botocore.utils: ensure_boolean(val); validate_region_name(region_name)
config/settings.py
  botocore.configprovider: BOTOCORE_DEFAUT_SESSION_VARIABLES
config/target.py
  botocore.utils: generate_login_cache_key(sign_in_session_name); get_login_token_cache_directory()
credentials/botocore_session.py
  botocore.configprovider: ConstantProvider(value)
  botocore.configprovider.ConfigValueStore: set_config_provider(logical_name, provider)
  botocore.credentials: DeferredRefreshableCredentials(refresh_using, method)
  botocore.credentials.CredentialResolver: def load_credentials()
  botocore.credentials.RefreshableCredentials: _frozen_credentials
  botocore.handlers: BUILTIN_HANDLERS
  botocore.loaders: Loader(extra_search_paths, include_default_search_paths)
  botocore.loaders.Loader: _search_paths; search_paths; load_service_model
  botocore.session: Session(event_hooks, include_builtin_handlers, profile)
  botocore.session.Session: _config; _credentials; full_config; get_component(name);
    lazy_register_component(name, component); register_component(name, component)
credentials/caller.py
  botocore.credentials.Credentials: access_key
  botocore.credentials.RefreshableCredentials: _access_key
credentials/person.py
  ipykernel.kernelbase.Kernel: _allow_stdin; getpass
credentials/file_keys.py
  botocore.credentials.Credentials: def get_frozen_credentials()
credentials/providers.py
  botocore.credentials: AssumeRoleProvider(load_config, client_creator, cache, profile_name,
    prompter, credential_sourcer, profile_provider_builder); BotoProvider(); EnvProvider(environ);
    OriginalEC2Provider(); CanonicalNameCredentialSourcer(providers);
    CredentialResolver(providers); ConfigProvider(config_filename, profile_name);
    ContainerProvider(environ, fetcher); InstanceMetadataProvider(iam_role_fetcher);
    ProcessProvider(profile_name, load_config, popen); ProfileProviderBuilder(session, cache,
    region_name, sso_token_cache, login_token_cache); SharedCredentialProvider(creds_filename,
    profile_name, ini_parser); create_credential_resolver(session, cache, region_name)
  botocore.credentials.AssumeRoleCredentialFetcher: _assume_kwargs; _expiry_window_seconds;
    _role_arn; _source_credentials
  botocore.credentials.AssumeRoleProvider: def _load_creds_via_assume_role(profile_name);
    _profile_name
  botocore.credentials.ContainerProvider: _environ; _fetcher; CANONICAL_NAME; METHOD
  botocore.credentials.CredentialProvider: def load()
  botocore.credentials.CredentialResolver: get_provider(name)
  botocore.credentials.InstanceMetadataProvider: _role_fetcher; CANONICAL_NAME; METHOD
  botocore.credentials.ProcessProvider: def _retrieve_credentials_using(credential_process)
  botocore.credentials.ProfileProviderBuilder: _session; def _create_config_provider(profile_name);
    def _create_process_provider(profile_name);
    def _create_shared_credential_provider(profile_name); def providers(profile_name,
    disable_env_vars)
  botocore.credentials.RefreshableCredentials: _access_key; _expiry_time; _refresh_lock;
    _refresh_using; method;
    _advisory_refresh_timeout; _mandatory_refresh_timeout
  botocore.credentials.create_mfa_serial_refresher: _refresh
  botocore.tokens: _sso_json_dumps(obj)
  botocore.utils.ContainerMetadataFetcher: _session
  botocore.utils.InstanceMetadataFetcher: _session
  botocore.utils: get_login_token_cache_directory()
credentials/sts.py
  botocore.credentials.RefreshableCredentials: _expiry_time
  botocore.credentials: CachedCredentialFetcher(cache); ReadOnlyCredentials(access_key, secret_key,
    token)
  botocore.credentials.AssumeRoleCredentialFetcher: _cache_key
  botocore.credentials.CachedCredentialFetcher: def _create_cache_key(); def _get_credentials();
    def fetch_credentials()
  botocore.credentials.RefreshableCredentials: _advisory_refresh_timeout;
    _mandatory_refresh_timeout
  botocore.utils.JSONFileCache: def __contains__(cache_key); def __getitem__(cache_key);
    def __setitem__(cache_key, value); _convert_cache_key(cache_key); _dumps
explain/rehearsal.py
  botocore.configprovider: SmartDefaultsConfigStoreFactory(default_config_resolver,
    imds_region_provider)
  botocore.session.Session: _create_csm_monitor(); _internal_components
  botocore.utils: IMDSRegionProvider(session, environ)
followers/clients.py
  cloudpathlib.client.Client: _default_client
  s3path: configuration_map
followers/dask.py
  dask: _expr.SingletonExpr._instances | dataframe.dask_expr._core.Expr._instances
  dask.config: config
  distributed.client: Client
  distributed.core: clean_exception
  distributed.scheduler.Scheduler: register_worker_plugin; unregister_worker_plugin
followers/databases.py
  pynamodb.models.Model: _connection
  redshift_connector.iam_helper.IamHelper: credentials_cache
followers/fsspec.py
  fsspec.config: conf
  s3fs.core.S3FileSystem: _s3
followers/object_store.py
  lancedb.table.LanceTable: _conn
followers/open_objects.py
  minio.api.Minio: _provider
followers/polars.py
  polars.io.cloud.credential_provider: _builder.DEFAULT_CREDENTIAL_PROVIDER
  polars.io.cloud.credential_provider._providers.CredentialProviderAWS: _session;
    retrieve_credentials_impl
followers/processes.py
  joblib.externals.loky: reusable_executor._executor | reusable_executor._executor_storage
  joblib.externals.loky.process_executor: _pending_work_items; _running_work_items
  multiprocessing.forkserver: _forkserver
  multiprocessing.forkserver.ForkServer: _forkserver_address; _forkserver_alive_fd;
    _forkserver_pid; _stop
followers/ray.py
  ray: _private
  ray._private.node.Node: is_head()
  ray._private.worker: _global_node
kernel/leftovers.py
  boto3.session.Session: _session
  botocore.client.BaseClient: _request_signer
  botocore.session.Session: _credentials
  botocore.signers.RequestSigner: _credentials
kernel/places.py
  boto3: DEFAULT_SESSION
kernel/refusals.py
  botocore.credentials.RefreshableCredentials: _access_key
  botocore.signers.RequestSigner: _credentials
kernel/watch.py
  botocore.client.BaseClient: _make_api_call
  boto3.session.Session: _session
  botocore: register_initializer(callback); unregister_initializer(callback)
  botocore.auth.SigV4Auth: credentials; def add_auth(request)
  botocore.credentials.Credentials: method; def get_frozen_credentials()
  botocore.credentials.CredentialProvider: METHOD
  botocore.credentials.CredentialResolver: load_credentials(); providers
  botocore.credentials.RefreshableCredentials: refresh_needed()
  botocore.session.ComponentLocator: _components
  botocore.session.Session: _components; _config; _create_credential_resolver(); _credentials;
    _profile; _profile_map; def get_scoped_config(); instance_variables();
    lazy_register_component(name, component)
  botocore.signers.RequestSigner: _credentials; _signing_name
notebook/cells.py
  IPython.core.compilerop.CachingCompiler: cache(transformed_code, number, raw_code)
  IPython.core.displayhook.DisplayHook: prompt_count
  IPython.core.interactiveshell.InteractiveShell: InteractiveTB; SyntaxTB; user_global_ns
  codeop.Compile: flags
notebook/explaining.py
  botocore.credentials.RefreshableCredentials: _access_key
notebook/input_channel.py
  ipykernel.kernelbase.Kernel: _input_request
notebook/magic.py
  IPython.core.completer.IPCompleter: custom_matchers
  IPython.core.displayhook.DisplayHook: prompt_count
  IPython.core.interactiveshell.InteractiveShell: Completer
notebook/options.py
  argparse.ArgumentParser: _actions
picker/toolbar.py
  comm.base_comm.BaseComm: comm_id; handle_close; handle_msg
  comm.base_comm.CommManager: register_comm
picker/widget.py
  ipykernel.comm.comm.BaseComm: _reply_subshell_for
sessions/assigned_roles.py
  botocore.tokens: SSOTokenProvider(session, cache, profile_name)
  botocore.utils: SSOTokenLoader(cache)
sessions/aws_login.py
  botocore.credentials.LoginCredentialFetcher: load_cached_credentials(); refresh_credentials()
  botocore.client.BaseClient: _resolve_endpoint_ruleset(operation_model, params, request_context)
  botocore.compat: EC
  botocore.credentials: _build_add_dpop_header_handler(private_key)
  botocore.utils: LoginTokenLoader(cache); get_login_token_cache_directory()
  botocore.utils.LoginTokenLoader: save_token(session_name, token)
sessions/console.py
  botocore.client.BaseClient: _endpoint
  botocore.endpoint.Endpoint: http_session
  botocore.httpsession.URLLib3Session: send(request)
sessions/issuing.py
  botocore.credentials.RefreshableCredentials: _frozen_credentials
  botocore.credentials: DeferredRefreshableCredentials(refresh_using, method)
  botocore.credentials.RefreshableCredentials: _access_key; _refresh_lock; def _refresh();
    _advisory_refresh_timeout; _mandatory_refresh_timeout
sessions/session.py
  boto3.session.Session: _session; def _register_default_handlers()
  botocore.session.Session: _credentials; full_config; get_scoped_config()
sessions/signing_in.py
  botocore.utils: SSOTokenLoader(cache)
  botocore.utils.SSOTokenLoader: save_token(start_url, token, session_name)
switch/running_cell.py
  IPython.core.display_trap.DisplayTrap: is_active | _nested_level
  IPython.core.interactiveshell.InteractiveShell: display_trap
"""

#: The first major versions of packages that have a name. The package doesn't need it before.
SINCE = {"ipykernel.comm.comm.BaseComm._reply_subshell_for": 7}

#: Names that begin with an underscore, although their packages document them.
DOCUMENTED = {"_current_frames", "_getframe", "_render_traceback_", "_replace", "_repr_html_"}

#: Names of this package that one object uses of another.
OURS = {"_ipy_awsprofile", "_source_credentials"}


@dataclass(frozen=True, slots=True)
class Use:
    """What a file uses: one of the ``names``, with these ``parameters`` if it is a function."""

    file: str
    names: tuple[str, ...]
    parameters: tuple[str, ...] | None = None
    is_overridden: bool = False

    def __str__(self) -> str:
        return f"{self.file}-{self.names[0]}"


def listed_uses() -> Iterator[Use]:
    """Yield the uses in `PRIVATE`, and those of the records of libraries."""
    file = ""
    for line in PRIVATE.strip().replace("\n    ", " ").split("\n"):
        if not line.startswith(" "):
            file = line
            continue
        owner, members = line.strip().split(": ")
        for member in members.split("; "):
            marker, names, parameters = re.findall(r"(def )?([^(]+)(\(.*\))?", member)[0]
            yield Use(
                file,
                tuple(f"{owner}.{name}" for name in names.split(" | ")),
                tuple(re.findall(r"\w+", parameters)) if parameters else None,
                is_overridden=bool(marker),
            )
    for follower in all_followers():
        file = f"followers/{INDEX[follower.package]}.py"
        for name in follower.handles:
            yield Use(file, (name,))
        caches = tuple(private_names(follower))
        if caches:  # each version of a library has the module of one of its caches
            yield Use(file, caches)


def private_names(follower: Follower) -> Iterator[str]:
    """Yield the private names in the functions that clear what a library keeps."""
    for cache in follower.caches:
        if isinstance(cache.clear, str):
            private = re.match(r"((?:\w+\.)*?_\w+)", cache.clear)
            if private:
                yield f"{cache.module}.{private[1]}"


def folder_of(package: str) -> Path:
    """Return the folder in which a package or module is installed."""
    spec = find_spec(package)
    assert spec
    if spec.submodule_search_locations:
        return Path(next(iter(spec.submodule_search_locations))).parent
    return Path(str(spec.origin)).parent


def file_of(name: str, folder: Path) -> tuple[Path, list[str]]:
    """Return the file of a name's module in a folder of packages, and the rest of the name."""
    path = folder
    names = name.split(".")
    while names and (path / names[0]).is_dir():
        path /= names.pop(0)
    for suffix in (".py", ".pyx") if names else ():
        file = path / f"{names[0]}{suffix}"
        if file.exists():
            return file, names[1:]
    return path / "__init__.py", names
