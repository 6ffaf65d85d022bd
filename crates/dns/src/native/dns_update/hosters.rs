//! Hosting companies, their panels, and appliances.

use dns_update::DnsUpdater;
use dns_update::providers::bluecatv2::BluecatV2Config;

use super::{CAPS, declare};
use crate::provider::{Descriptor, Field};

declare! {
    BLUECAT: "bluecatv2", "BlueCat Address Manager (v2)", "https://docs.bluecatnetworks.com/r/Address-Manager-RESTful-v2-API-Guide/", CAPS, [
        Field::text("base_url", "Server URL", "URL of the Address Manager.").env(&[], &["BLUECATV2_SERVER_URL"]),
        Field::text("username", "User name", "Name of an API user.").env(&[], &["BLUECATV2_USERNAME"]),
        Field::text("password", "Password", "The user's password.").secret().env(&[], &["BLUECATV2_PASSWORD"]),
        Field::text("configuration", "Configuration", "Name of the configuration.").env(&[], &["BLUECATV2_CONFIG_NAME"]),
        Field::text("view", "View", "Name of the view that holds the zones.").env(&[], &["BLUECATV2_VIEW_NAME"]),
        Field::text("skip_deploy", "Skip deployment", "yes: changes are deployed by somebody else.").optional().env(&[], &["BLUECATV2_SKIP_DEPLOY"]),
    ], |s| DnsUpdater::new_bluecatv2(BluecatV2Config {
            server_url: s.the("base_url"), username: s.the("username"), password: s.the("password"),
            config_name: s.the("configuration"), view_name: s.the("view"), skip_deploy: s.is("skip_deploy"),
            request_timeout: s.timeout,
        });
    CONSTELLIX: "constellix", "Constellix", "https://api-docs.constellix.com/", CAPS, [
        Field::text("key", "API key", "API key of the account.").env(&["CONSTELLIX_Key"], &["CONSTELLIX_API_KEY"]),
        Field::text("secret", "Secret key", "Secret of the API key; requests are signed with it.").secret().env(&["CONSTELLIX_Secret"], &["CONSTELLIX_SECRET_KEY"]),
    ], |s| DnsUpdater::new_constellix(s.the("key"), s.the("secret"), s.timeout);
    CPANEL: "cpanel", "cPanel", "https://api.docs.cpanel.net/openapi/cpanel/operation/dns-mass_edit_zone/", CAPS, [
        Field::text("base_url", "Server URL", "URL of cPanel, such as https://cpanel.example.net:2083.").env(&["cPanel_Hostname"], &["CPANEL_BASE_URL"]),
        Field::text("username", "User name", "Name of the cPanel user.").env(&["cPanel_Username"], &["CPANEL_USERNAME"]),
        Field::text("token", "API token", "API token of the user.").secret().env(&["cPanel_Apitoken"], &["CPANEL_TOKEN"]),
    ], |s| DnsUpdater::new_cpanel(s.the("base_url"), s.the("username"), s.the("token"), s.timeout);
    GLESYS: "glesys", "GleSYS", "https://github.com/GleSYS/API/wiki/API-Documentation", CAPS, [
        Field::text("username", "User name", "User of the API: the number of the project.").env(&[], &["GLESYS_API_USER"]),
        Field::text("key", "API key", "API key with the right to change domains.").secret().env(&[], &["GLESYS_API_KEY"]),
    ], |s| DnsUpdater::new_glesys(s.the("username"), s.the("key"), s.timeout);
    HETZNER: "hetzner", "Hetzner Cloud DNS", "https://docs.hetzner.cloud/reference/cloud#dns", CAPS, [
        Field::text("token", "API token", "API token of the project that holds the zones.").secret().env(&["HETZNER_TOKEN"], &["HETZNER_API_TOKEN"]),
    ], |s| DnsUpdater::new_hetzner(s.the("token"), s.timeout);
    HOSTINGER: "hostinger", "Hostinger", "https://developers.hostinger.com/#tag/dns-zone", CAPS, [
        Field::text("token", "API token", "API token of the account.").secret().env(&["HOSTINGER_Token"], &["HOSTINGER_API_TOKEN"]),
    ], |s| DnsUpdater::new_hostinger(s.the("token"), s.timeout);
    INFOMANIAK: "infomaniak", "Infomaniak", "https://developer.infomaniak.com/docs/api", CAPS, [
        Field::text("token", "API token", "Access token with the scope domain.").secret().env(&["INFOMANIAK_API_TOKEN"], &["INFOMANIAK_ACCESS_TOKEN"]),
    ], |s| DnsUpdater::new_infomaniak(s.the("token"), s.timeout);
    IONOS: "ionos", "IONOS", "https://developer.hosting.ionos.com/docs/dns", CAPS, [
        Field::text("key", "API key", "API key: its prefix, a full stop, and its secret.").secret().env(&[], &["IONOS_API_KEY"]),
    ], |s| DnsUpdater::new_ionos(s.the("key"), s.timeout);
    MYTHIC: "mythicbeasts", "Mythic Beasts", "https://www.mythic-beasts.com/support/api/dnsv2", CAPS, [
        Field::text("username", "API key", "Id of the API key.").env(&["MB_AK"], &["MYTHICBEASTS_USERNAME"]),
        Field::text("password", "Secret", "Secret of the API key.").secret().env(&["MB_AS"], &["MYTHICBEASTS_PASSWORD"]),
    ], |s| DnsUpdater::new_mythicbeasts(s.the("username"), s.the("password"), s.timeout);
    OVH: "ovh", "OVH", "https://eu.api.ovh.com/console/", CAPS, [
        Field::text("endpoint", "Endpoint", "Where the account is: ovh-eu, ovh-us, ovh-ca, kimsufi-eu, kimsufi-ca, soyoustart-eu or soyoustart-ca.").or("ovh-eu").env(&["OVH_END_POINT"], &["OVH_ENDPOINT"]),
        Field::text("key", "Application key", "Key of the application.").env(&["OVH_AK"], &["OVH_APPLICATION_KEY"]),
        Field::text("secret", "Application secret", "Secret of the application.").secret().env(&["OVH_AS"], &["OVH_APPLICATION_SECRET"]),
        Field::text("consumer_key", "Consumer key", "Consumer key with GET, POST, PUT and DELETE for /domain/zone/*.").secret().env(&["OVH_CK"], &["OVH_CONSUMER_KEY"]),
    ], |s| DnsUpdater::new_ovh(s.the("key"), s.the("secret"), s.the("consumer_key"), s.the("endpoint").parse()?, s.timeout);
    SAFEDNS: "safedns", "ANS SafeDNS", "https://developers.ukfast.io/documentation/safedns", CAPS, [
        Field::text("token", "API token", "API token of the account.").secret().env(&[], &["SAFEDNS_AUTH_TOKEN"]),
    ], |s| DnsUpdater::new_safedns(s.the("token"), s.timeout);
    SIMPLY: "simplycom", "Simply.com", "https://www.simply.com/en/docs/api/", CAPS, [
        Field::text("account", "Account", "Name of the account.").env(&["SIMPLY_AccountName"], &["SIMPLY_ACCOUNT_NAME"]),
        Field::text("key", "API key", "API key of the account.").secret().env(&["SIMPLY_ApiKey"], &["SIMPLY_API_KEY"]),
    ], |s| DnsUpdater::new_simplycom(s.the("account"), s.the("key"), s.timeout);
    TRANSIP: "transip", "TransIP", "https://api.transip.nl/rest/docs.html", CAPS, [
        Field::text("login", "User name", "Name of the account.").env(&["TRANSIP_Username"], &["TRANSIP_ACCOUNT_NAME"]),
        Field::text("private_key", "Private key", "Private key of a key pair of the account, PEM.").secret(),
        Field::text("global_key", "Global key", "yes: the key may be used from any address.").optional(),
    ], |s| DnsUpdater::new_transip(s.the("login"), s.the("private_key"), s.is("global_key"), s.timeout);
    WEBSUPPORT: "websupport", "WebSupport", "https://rest.websupport.sk/v2/docs", CAPS, [
        Field::text("key", "API key", "Identifier of the API key.").env(&["WS_ApiKey"], &["WEBSUPPORT_API_KEY"]),
        Field::text("secret", "Secret", "Secret of the API key; requests are signed with it.").secret().env(&["WS_ApiSecret"], &["WEBSUPPORT_SECRET"]),
    ], |s| DnsUpdater::new_websupport(s.the("key"), s.the("secret"), s.timeout);
    ZONEEU: "zoneeu", "Zone.eu", "https://api.zone.eu/v2", CAPS, [
        Field::text("username", "User name", "Name of the ZoneID account.").env(&["ZONE_Username"], &["ZONEEE_API_USER"]),
        Field::text("key", "API key", "API key of the account.").secret().env(&["ZONE_Key"], &["ZONEEE_API_KEY"]),
    ], |s| DnsUpdater::new_zoneeu(s.the("username"), s.the("key"), s.timeout);
}
