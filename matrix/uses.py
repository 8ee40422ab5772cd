"""The libraries, with code that creates an object, and code that makes one request with it.

The two are cells of a notebook, and ``# %%`` is between them. In both, ``it`` is the object. A
library without objects has one cell. `Notebook` provides the names in capitals, ``note(KEY)``,
which reports the key that a library would use for a server that isn't AWS's, and ``copy()``, a new
number, for libraries that remember the content of a file.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from textwrap import dedent


@dataclass(frozen=True, slots=True)
class Use:
    """A library and its cells. A card can name it as ``module``.

    If the library doesn't read profiles, the user has keys in the environment instead.
    """

    name: str
    group: str
    distribution: str
    module: str
    reads_profiles: bool
    cells: tuple[str, ...]

    @property
    def has_object(self) -> bool:
        """Return whether the use creates an object, which can be older than a switch."""
        return len(self.cells) > 1

    def code(self, variable: str, *, is_new: bool) -> str:
        """Return code that uses the variable's object, and before that creates it if it is new."""
        cells = self.cells if is_new else self.cells[-1:]
        return re.sub(r"\bit\b", variable, "\n".join(cells))


_GROUPS = {
    "LLMs on Bedrock": {
        "boto3": """
            import boto3
            it = boto3.client("bedrock-runtime")
            # %%
            messages = [{"role": "user", "content": [{"text": "A city?"}]}]
            _ = it.converse(modelId=CLAUDE, messages=messages)
        """,
        "anthropic": """
            import anthropic
            it = anthropic.AnthropicBedrock(aws_region=REGION, max_retries=0)
            # %%
            _ = it.messages.create(model=CLAUDE, max_tokens=9, messages=QUESTION)
        """,
        "litellm": """
            import litellm
            _ = litellm.completion(
                f"bedrock/{CLAUDE}", QUESTION, aws_region_name=REGION, num_retries=0
            )
        """,
        "langchain-aws": """
            from langchain_aws import ChatBedrockConverse
            it = ChatBedrockConverse(model=CLAUDE, region_name=REGION)
            # %%
            _ = it.invoke("A city?")
        """,
        "langchain-anthropic": """
            from langchain_aws import ChatAnthropicBedrock
            it = ChatAnthropicBedrock(model=CLAUDE, region_name=REGION, max_retries=0)
            # %%
            _ = it.invoke("A city?")
        """,
        "openai": """
            import openai
            it = openai.BedrockOpenAI(aws_region=REGION, base_url=f"{AWS}/v1", max_retries=0)
            # %%
            _ = it.chat.completions.create(model="openai.gpt-oss-20b", messages=QUESTION)
        """,
        "strands-agents": """
            import strands
            from strands.models import BedrockModel
            model = BedrockModel(model_id=CLAUDE, streaming=False)
            it = strands.Agent(model=model, callback_handler=None)
            # %%
            _ = it("A city?")
        """,
        "pydantic-ai": """
            from pydantic_ai import Agent
            it = Agent(f"bedrock:{CLAUDE}")
            # %%
            _ = it.run_sync("A city?")
        """,
    },
    "SQL and warehouses": {
        "redshift-connector": """
            import redshift_connector

            def database(user, **_):  # the recorder isn't one, but names its users after keys
                note(user.removeprefix("IAM:"))

            redshift_connector.Connection = database
            _ = redshift_connector.connect(
                iam=True, host="localhost", port=5439, database="dev", db_user="analyst",
                cluster_identifier="cities", region=REGION, endpoint_url=AWS,
            )
        """,
        "PyAthena": """
            import pyathena
            it = pyathena.connect(s3_staging_dir=f"s3://{BUCKET}/athena/").cursor()
            # %%
            _ = it.execute("SELECT 1")
        """,
        "awswrangler": """
            import awswrangler
            _ = awswrangler.s3.read_csv(f"s3://{BUCKET}/cities.csv")
        """,
        "pymongo-auth-aws": """
            from pymongo_auth_aws import auth
            auth.set_use_cached_credentials(True)  # as pymongo does
            note(auth.aws_temp_credentials().username)
        """,
    },
    "data files": {
        "s3fs": """
            import s3fs
            it = s3fs.S3FileSystem()
            # %%
            _ = it.cat(f"{BUCKET}/cities.csv")
        """,
        "pandas": """
            import pandas
            _ = pandas.read_csv(f"s3://{BUCKET}/cities.csv")
            _ = pandas.read_parquet(f"s3://{BUCKET}/cities.parquet")
        """,
        "pyarrow": """
            import pyarrow.dataset
            it = pyarrow.dataset.dataset(f"s3://{BUCKET}/cities.parquet")
            # %%
            _ = it.to_table()
        """,
        "polars": """
            import polars
            it = polars.scan_parquet(f"s3://{BUCKET}/cities.parquet")
            # %%
            _ = it.collect()
        """,
        "deltalake": """
            import deltalake, pandas
            path = f"s3://{BUCKET}/delta"
            deltalake.write_deltalake(path, pandas.DataFrame({"a": [1]}), mode="overwrite")
            it = deltalake.DeltaTable(path)
            # %%
            _ = it.to_pandas()
        """,
        "obstore": """
            import obstore
            from obstore.store import S3Store
            it = S3Store(BUCKET, client_options={"allow_http": True})
            # %%
            _ = obstore.get(it, "cities.csv").bytes()
        """,
        "smart-open": """
            import smart_open
            _ = smart_open.open(f"s3://{BUCKET}/cities.csv").read()
        """,
        "cloudpathlib": """
            from cloudpathlib import S3Path
            it = S3Path(f"s3://{BUCKET}/cities.csv")
            # %%
            _ = it.exists()
        """,
        "s3path": """
            from s3path import S3Path
            it = S3Path(f"/{BUCKET}/cities.csv")
            # %%
            _ = it.read_text()
        """,
        "lancedb": """
            import lancedb
            rows = [{"vector": [1.0, 2.0], "city": "Oslo"}]
            database = lancedb.connect(f"s3://{BUCKET}/lance")
            it = database.create_table("cities", rows, mode="overwrite")
            # %%
            _ = it.to_arrow()
        """,
        "zarr": """
            import numpy, zarr
            from obstore.store import S3Store
            from zarr.storage import ObjectStore
            it = zarr.create_array(
                ObjectStore(S3Store(BUCKET, client_options={"allow_http": True})),
                name="zarr", data=numpy.arange(2), overwrite=True,
            )
            # %%
            _ = it[:]
        """,
        "icechunk": """
            import icechunk
            storage = icechunk.s3_storage(
                bucket=BUCKET, prefix="icechunk", region=REGION, endpoint_url=AWS,
                allow_http=True, force_path_style=True, from_env=True,
            )
            it = icechunk.Repository.open_or_create(storage)
            # %%
            _ = it.list_branches()
        """,
        "tiledb": """
            import tiledb
            s3 = {"endpoint_override": HOST, "scheme": "http", "region": REGION}
            s3 |= {"use_virtual_addressing": "false", "connect_max_tries": "1"}
            it = tiledb.VFS({f"vfs.s3.{name}": value for name, value in s3.items()})
            # %%
            _ = it.is_file(f"s3://{BUCKET}/cities.csv")
        """,
        "minio": """
            import minio
            from minio.credentials import AWSConfigProvider, ChainedProvider, EnvAWSProvider
            from minio.credentials import IamAwsProvider
            chain = ChainedProvider([EnvAWSProvider(), AWSConfigProvider(), IamAwsProvider()])
            it = minio.Minio(endpoint=HOST, secure=False, region=REGION, credentials=chain)
            # %%
            _ = it.get_object(bucket_name=BUCKET, object_name="cities.csv").read()
        """,
        "pynamodb": """
            from pynamodb.attributes import UnicodeAttribute
            from pynamodb.models import Model

            class it(Model):
                class Meta:
                    table_name = "cities"
                    region = REGION
                    host = AWS
                    max_retry_attempts = 0

                city = UnicodeAttribute(hash_key=True)
            # %%
            _ = it.get("Oslo")
        """,
    },
    "geodata": {
        "pyogrio": """
            import pyogrio
            _ = pyogrio.read_info(f"s3://{BUCKET}/copy-{copy()}/cities.geojson")
        """,
        "geopandas": """
            import geopandas
            _ = geopandas.read_file(f"s3://{BUCKET}/copy-{copy()}/cities.geojson")
        """,
        "rasterio": """
            import rasterio
            _ = rasterio.open(f"s3://{BUCKET}/copy-{copy()}/cities.csv")
        """,
        "rasterio AWSSession": """
            import rasterio
            from rasterio.session import AWSSession
            it = AWSSession(region_name=REGION, endpoint_url=HOST)
            # %%
            with rasterio.Env(it):
                _ = rasterio.open(f"s3://{BUCKET}/copy-{copy()}/cities.csv")
        """,
    },
    "signers by hand": {
        "opensearch-py": """
            import boto3
            from opensearchpy import OpenSearch, Urllib3AWSV4SignerAuth
            auth = Urllib3AWSV4SignerAuth(boto3.Session().get_credentials(), REGION, "es")
            it = OpenSearch(AWS, http_auth=auth, max_retries=0)
            # %%
            _ = it.info()
        """,
        "requests-aws4auth": """
            import botocore.session, requests
            from requests_aws4auth import AWS4Auth
            credentials = botocore.session.Session().get_credentials()
            it = AWS4Auth(region=REGION, service="es", refreshable_credentials=credentials)
            # %%
            _ = requests.get(AWS, auth=it)
        """,
        "aws-requests-auth": """
            import requests
            from aws_requests_auth.boto_utils import BotoAWSRequestsAuth
            it = BotoAWSRequestsAuth(aws_host=HOST, aws_region=REGION, aws_service="es")
            # %%
            _ = requests.get(AWS, auth=it)
        """,
        "botocore": """
            import boto3, requests
            from botocore.auth import SigV4Auth
            from botocore.awsrequest import AWSRequest
            it = boto3.Session().get_credentials()
            # %%
            request = AWSRequest("GET", AWS)
            SigV4Auth(it, "es", REGION).add_auth(request)
            _ = requests.get(AWS, headers=dict(request.headers))
        """,
    },
    "machine learning and tools": {
        "mlflow": """
            from mlflow.store.artifact.s3_artifact_repo import S3ArtifactRepository
            it = S3ArtifactRepository(f"s3://{BUCKET}")
            # %%
            _ = it.list_artifacts()
        """,
        "sagemaker-core": """
            from sagemaker_core.resources import TrainingJob
            _ = list(TrainingJob.get_all(region=REGION))
        """,
        "aws-lambda-powertools": """
            from aws_lambda_powertools.utilities import parameters
            _ = parameters.get_parameter("city", force_fetch=True)
        """,
        "prefect-aws": """
            from prefect_aws import AwsCredentials
            it = AwsCredentials(region_name=REGION)
            # %%
            _ = it.get_s3_client().list_buckets()
        """,
        "joblib": """
            import joblib

            def buckets():
                import boto3
                return len(boto3.client("s3").list_buckets()["Buckets"])

            _ = joblib.Parallel(n_jobs=2)(joblib.delayed(buckets)() for _ in range(2))
        """,
        "loky": """
            import loky

            def buckets():
                import boto3
                return len(boto3.client("s3").list_buckets()["Buckets"])

            _ = loky.get_reusable_executor(max_workers=1).submit(buckets).result()
        """,
        "awscli": """
            !aws s3api list-buckets
        """,
    },
    "Clusters": {
        "ray": """
            import ray
            ray.shutdown()
            ray.init(
                num_cpus=1, object_store_memory=80_000_000, include_dashboard=False,
                log_to_driver=False, logging_level="ERROR",
            )

            def buckets():
                import boto3
                return len(boto3.client("s3").list_buckets()["Buckets"])

            _ = ray.get(ray.remote(buckets).remote())
        """,
        "ipyparallel": """
            import ipyparallel
            it = ipyparallel.Cluster(n=1).start_and_connect_sync(activate=False)
            # %%
            def buckets():
                import boto3
                return len(boto3.client("s3").list_buckets()["Buckets"])

            _ = it[:].apply_sync(buckets)
        """,
        "pyspark": """
            from pyspark.sql import SparkSession
            builder = SparkSession.builder.master("local[1]").config("spark.ui.enabled", False)
            it = builder.getOrCreate()
            # %%
            def buckets(_):
                import boto3
                return len(boto3.client("s3").list_buckets()["Buckets"])

            _ = it.sparkContext.parallelize([1], 1).map(buckets).collect()
        """,
    },
}

#: The names of distributions and modules, if they aren't the library's name.
_DISTRIBUTIONS = {
    "mlflow": "mlflow-skinny",
    "pydantic-ai": "pydantic-ai-slim",
    "rasterio AWSSession": "rasterio",
}
_MODULES = {
    "PyAthena": "pyathena",
    "opensearch-py": "opensearchpy",
    "rasterio AWSSession": "rasterio",
    "strands-agents": "strands",
}
_WITHOUT_PROFILES = {"deltalake", "obstore", "zarr"}


def _use(group: str, name: str, code: str) -> Use:
    cells = tuple(cell.strip() for cell in dedent(code).split("# %%"))
    module = _MODULES.get(name, name.replace("-", "_"))
    distribution = _DISTRIBUTIONS.get(name, name)
    return Use(name, group, distribution, module, name not in _WITHOUT_PROFILES, cells)


#: The uses by name.
USES = {
    name: _use(group, name, code)
    for group, codes in _GROUPS.items()
    for name, code in codes.items()
}
