//! Clouds and content delivery networks that serve DNS.

use dns_update::DnsUpdater;
use dns_update::providers::edgedns::EdgeDnsConfig;
use dns_update::providers::lightsail::LightsailConfig;
use dns_update::providers::oraclecloud::OracleCloudConfig;
use dns_update::providers::volcengine::VolcengineConfig;
use dns_update::providers::yandexcloud::YandexCloudConfig;

use super::{CAPS, declare};
use crate::provider::{Descriptor, Field};

declare! {
    ARVAN: "arvancloud", "ArvanCloud", "https://www.arvancloud.ir/api/cdn/4.0", CAPS, [
        Field::text("key", "API key", "API key of the account, with the word Apikey before it.").secret().env(&["Arvan_Token"], &["ARVANCLOUD_API_KEY"]),
    ], |s| DnsUpdater::new_arvancloud(s.the("key"), s.timeout);
    BAIDU: "baiducloud", "Baidu Cloud", "https://cloud.baidu.com/doc/DNS/index.html", CAPS, [
        Field::text("key", "Access key id", "Id of the access key.").env(&[], &["BAIDUCLOUD_ACCESS_KEY_ID"]),
        Field::text("secret", "Secret access key", "Secret of the access key; requests are signed with it.").secret().env(&[], &["BAIDUCLOUD_SECRET_ACCESS_KEY"]),
    ], |s| DnsUpdater::new_baiducloud(s.the("key"), s.the("secret"), s.timeout);
    BUNNY: "bunny", "Bunny", "https://docs.bunny.net/reference/dnszonepublic_index", CAPS, [
        Field::text("key", "API key", "API key of the account.").secret().env(&["BUNNY_API_KEY"], &["BUNNY_API_KEY"]),
    ], |s| DnsUpdater::new_bunny(s.the("key"), s.timeout);
    EDGE: "edgedns", "Akamai EdgeDNS", "https://techdocs.akamai.com/edge-dns/reference/edge-dns-api", CAPS, [
        Field::text("host", "Host", "Host of the API client, such as akab-….luna.akamaiapis.net.").env(&["AKAMAI_HOST"], &["AKAMAI_HOST"]),
        Field::text("client_token", "Client token", "Client token of the API client.").env(&["AKAMAI_CLIENT_TOKEN"], &["AKAMAI_CLIENT_TOKEN"]),
        Field::text("client_secret", "Client secret", "Client secret; requests are signed with it.").secret().env(&["AKAMAI_CLIENT_SECRET"], &["AKAMAI_CLIENT_SECRET"]),
        Field::text("access_token", "Access token", "Access token of the API client.").secret().env(&["AKAMAI_ACCESS_TOKEN"], &["AKAMAI_ACCESS_TOKEN"]),
        Field::text("account_switch_key", "Account switch key", "Account to act for, where the API client is of another.").optional().env(&[], &["AKAMAI_ACCOUNT_SWITCH_KEY"]),
    ], |s| DnsUpdater::new_edgedns(EdgeDnsConfig {
            host: s.the("host"), client_token: s.the("client_token"), client_secret: s.the("client_secret"),
            access_token: s.the("access_token"), account_switch_key: s.maybe("account_switch_key"),
            request_timeout: s.timeout,
        });
    GCORE: "gcore", "Gcore", "https://api.gcore.com/docs/dns", CAPS, [
        Field::text("token", "API token", "Permanent API token of the account.").secret().env(&["GCORE_Key"], &["GCORE_PERMANENT_API_TOKEN"]),
    ], |s| DnsUpdater::new_gcore(s.the("token"), s.timeout);
    HUAWEI: "huaweicloud", "Huawei Cloud", "https://support.huaweicloud.com/intl/en-us/api-dns/dns_api_60001.html", CAPS, [
        Field::text("key", "Access key id", "Id of the access key.").env(&[], &["HUAWEICLOUD_ACCESS_KEY_ID"]),
        Field::text("secret", "Secret access key", "Secret of the access key; requests are signed with it.").secret().env(&[], &["HUAWEICLOUD_SECRET_ACCESS_KEY"]),
        Field::text("region", "Region", "Region of the DNS service, such as cn-north-4.").env(&[], &["HUAWEICLOUD_REGION"]),
    ], |s| DnsUpdater::new_huaweicloud(s.the("key"), s.the("secret"), s.the("region"), s.timeout);
    IBM: "ibmcloud", "IBM Cloud (SoftLayer)", "https://sldn.softlayer.com/reference/services/SoftLayer_Dns_Domain/", CAPS, [
        Field::text("username", "User name", "User name of the account.").env(&[], &["SOFTLAYER_USERNAME"]),
        Field::text("key", "API key", "Classic infrastructure API key.").secret().env(&[], &["SOFTLAYER_API_KEY"]),
    ], |s| DnsUpdater::new_ibmcloud(s.the("username"), s.the("key"), s.timeout);
    LIGHTSAIL: "lightsail", "Amazon Lightsail", "https://docs.aws.amazon.com/lightsail/2016-11-28/api-reference/API_CreateDomainEntry.html", CAPS, [
        Field::text("access_key_id", "Access key id", "Id of the access key.").env(&[], &["AWS_ACCESS_KEY_ID"]),
        Field::text("secret_access_key", "Secret access key", "Secret of the access key; requests are signed with it.").secret().env(&[], &["AWS_SECRET_ACCESS_KEY"]),
        Field::text("session_token", "Session token", "Token of a temporary access key.").optional().secret().env(&[], &["AWS_SESSION_TOKEN"]),
        Field::text("region", "Region", "Region of the DNS service; domains are kept in us-east-1.").or("us-east-1").env(&[], &["LIGHTSAIL_REGION"]),
    ], |s| DnsUpdater::new_lightsail(LightsailConfig {
            access_key_id: s.the("access_key_id"), secret_access_key: s.the("secret_access_key"),
            session_token: s.maybe("session_token"), region: s.maybe("region"), domain: None,
            request_timeout: s.timeout,
        });
    NETLIFY: "netlify", "Netlify", "https://docs.netlify.com/api/get-started/", CAPS, [
        Field::text("token", "API token", "Personal access token.").secret().env(&["NETLIFY_ACCESS_TOKEN"], &["NETLIFY_TOKEN"]),
    ], |s| DnsUpdater::new_netlify(s.the("token"), s.timeout);
    NIF: "nifcloud", "NIFCLOUD", "https://docs.nifcloud.com/dns/", CAPS, [
        Field::text("key", "Access key id", "Id of the access key.").env(&[], &["NIFCLOUD_ACCESS_KEY_ID"]),
        Field::text("secret", "Secret access key", "Secret of the access key; requests are signed with it.").secret().env(&[], &["NIFCLOUD_SECRET_ACCESS_KEY"]),
    ], |s| DnsUpdater::new_nifcloud(s.the("key"), s.the("secret"), s.timeout);
    ORACLE: "oraclecloud", "Oracle Cloud", "https://docs.oracle.com/en-us/iaas/api/#/en/dns/", CAPS, [
        Field::text("tenancy", "Tenancy", "OCID of the tenancy.").env(&["OCI_CLI_TENANCY"], &["OCI_TENANCY_OCID"]),
        Field::text("user", "User", "OCID of the user.").env(&["OCI_CLI_USER"], &["OCI_USER_OCID"]),
        Field::text("fingerprint", "Fingerprint", "Fingerprint of the API key.").env(&[], &["OCI_PUBKEY_FINGERPRINT"]),
        Field::text("private_key", "Private key", "The API key in PEM (PKCS#8, without passphrase).").secret().env(&["OCI_CLI_KEY"], &[]),
        Field::text("region", "Region", "Region, such as eu-frankfurt-1.").env(&["OCI_CLI_REGION"], &["OCI_REGION"]),
        Field::text("compartment", "Compartment", "OCID of the compartment that holds the zones.").env(&[], &["OCI_COMPARTMENT_OCID"]),
    ], |s| DnsUpdater::new_oraclecloud(OracleCloudConfig {
            tenancy_ocid: s.the("tenancy"), user_ocid: s.the("user"), fingerprint: s.the("fingerprint"),
            private_key_pem: s.the("private_key"), private_key_password: None, region: s.the("region"),
            compartment_ocid: s.the("compartment"), request_timeout: s.timeout,
        });
    SCALEWAY: "scaleway", "Scaleway", "https://www.scaleway.com/en/developers/api/domains-and-dns/", CAPS, [
        Field::text("token", "API token", "Secret key of an API key.").secret().env(&["SCALEWAY_API_TOKEN"], &["SCW_SECRET_KEY"]),
    ], |s| DnsUpdater::new_scaleway(s.the("token"), s.timeout);
    TENCENT: "tencentcloud", "Tencent Cloud (DNSPod API 3.0)", "https://cloud.tencent.com/document/api/1427/56193", CAPS, [
        Field::text("key", "Secret id", "Id of the API key.").env(&["Tencent_SecretId"], &["TENCENTCLOUD_SECRET_ID"]),
        Field::text("secret", "Secret key", "Key of the API key; requests are signed with it.").secret().env(&["Tencent_SecretKey"], &["TENCENTCLOUD_SECRET_KEY"]),
        Field::text("region", "Region", "Region, where requests need one.").optional().env(&[], &["TENCENTCLOUD_REGION"]),
        Field::text("session_token", "Session token", "Token of a temporary key.").optional().secret().env(&[], &["TENCENTCLOUD_SESSION_TOKEN"]),
    ], |s| DnsUpdater::new_tencentcloud(s.the("key"), s.the("secret"), s.maybe("region"), s.maybe("session_token"), s.timeout);
    VERCEL: "vercel", "Vercel", "https://vercel.com/docs/rest-api/reference/endpoints/dns", CAPS, [
        Field::text("token", "API token", "Access token of the account.").secret().env(&["VERCEL_TOKEN"], &["VERCEL_API_TOKEN"]),
        Field::text("team", "Team", "Id of the team that holds the domains.").optional().env(&[], &["VERCEL_TEAM_ID"]),
    ], |s| DnsUpdater::new_vercel(s.the("token"), s.maybe("team"), s.timeout);
    VOLC: "volcengine", "Volcano Engine", "https://www.volcengine.com/docs/6758/155086", CAPS, [
        Field::text("key", "Access key id", "Id of the access key.").env(&[], &["VOLC_ACCESSKEY"]),
        Field::text("secret", "Secret access key", "Secret of the access key; requests are signed with it.").secret().env(&[], &["VOLC_SECRETKEY"]),
        Field::text("region", "Region", "Region, where it is not cn-north-1.").optional().env(&[], &["VOLC_REGION"]),
        Field::text("host", "Host", "Host of the API, where it is not the service's own.").optional().env(&[], &["VOLC_HOST"]),
    ], |s| DnsUpdater::new_volcengine(VolcengineConfig {
            access_key: s.the("key"), secret_key: s.the("secret"), region: s.maybe("region"),
            host: s.maybe("host"), scheme: None, request_timeout: s.timeout,
        });
    YANDEX: "yandexcloud", "Yandex Cloud", "https://yandex.cloud/en/docs/dns/api-ref/", CAPS, [
        Field::text("service_account_key", "Service account key", "Authorised key of a service account as JSON, in Base64.").secret().env(&[], &["YANDEX_CLOUD_IAM_TOKEN"]),
        Field::text("folder", "Folder", "Id of the folder that holds the zones.").env(&[], &["YANDEX_CLOUD_FOLDER_ID"]),
    ], |s| DnsUpdater::new_yandexcloud(YandexCloudConfig {
            iam_token_b64: s.the("service_account_key"), folder_id: s.the("folder"), request_timeout: s.timeout,
        });
}
