//! The table of error codes this crate uses, in numerical order.
//!
//! Numbers and texts are NetScaler's (official listing of 2018). Symbols are NetScaler's where a public client names
//! them (`NSERR_NOENT`, `NSERR_EXIST`, `NSERR_ALREADY`, `NSERR_NOSERVICE`, `NSERR_NOSERVER`, `NSERR_ARGMISSING`,
//! `NSERR_VSERVER_TYPE_MISMATCH`, `NSERR_SSL_NOCERT`); the others follow the same pattern.

/// One row: number, symbol, text, and what a person can do.
#[derive(Debug, PartialEq, Eq)]
pub struct ErrorCode {
    /// NITRO's `errorcode`.
    pub code: u32,
    /// The symbolic name.
    pub symbol: &'static str,
    /// The text without detail.
    pub text: &'static str,
    /// What to do about it, in one sentence.
    pub remedy: &'static str,
}

const fn row(
    code: u32,
    symbol: &'static str,
    text: &'static str,
    remedy: &'static str,
) -> ErrorCode {
    ErrorCode {
        code,
        symbol,
        text,
        remedy,
    }
}

/// 257: Operation not permitted.
pub static NOT_PERMITTED: ErrorCode = row(
    257,
    "NSERR_PERM",
    "Operation not permitted",
    "This object or setting is fixed; change something else.",
);
/// 258: No such resource.
pub static NO_SUCH_RESOURCE: ErrorCode = row(
    258,
    "NSERR_NOENT",
    "No such resource",
    "Add the object first, or correct its name.",
);
/// 269: Permission denied.
pub static PERMISSION_DENIED: ErrorCode = row(
    269,
    "NSERR_ACCES",
    "Permission denied",
    "Give this program the right it lacks: ports below 1024 need CAP_NET_BIND_SERVICE.",
);
/// 273: Resource already exists.
pub static RESOURCE_EXISTS: ErrorCode = row(
    273,
    "NSERR_EXIST",
    "Resource already exists",
    "Use `set` to change it, or remove it first.",
);
/// 278: Invalid argument.
pub static INVALID_ARGUMENT: ErrorCode = row(
    278,
    "NSERR_INVAL",
    "Invalid argument",
    "Correct the argument.",
);
/// 283: File too large.
pub static FILE_TOO_LARGE: ErrorCode =
    row(283, "NSERR_FBIG", "File too large", "Send a smaller file.");
/// 293: Operation already in progress.
pub static IN_PROGRESS: ErrorCode = row(
    293,
    "NSERR_ALREADY",
    "Operation already in progress",
    "Try again when the running operation has finished.",
);
/// 301: Operation not supported.
pub static NOT_SUPPORTED: ErrorCode = row(
    301,
    "NSERR_NOTSUPP",
    "Operation not supported",
    "This command has no meaning for this object.",
);
/// 304: Address already in use.
pub static ADDRESS_IN_USE: ErrorCode = row(
    304,
    "NSERR_ADDRINUSE",
    "Address already in use",
    "Choose another address or port, or remove the object that has it.",
);
/// 315: Resource in use.
pub static RESOURCE_IN_USE: ErrorCode = row(
    315,
    "NSERR_INUSE",
    "Resource in use",
    "Remove what refers to it first.",
);
/// 316: Operation timed out.
pub static TIMED_OUT: ErrorCode = row(316, "NSERR_TIMEDOUT", "Operation timed out", "Try again.");
/// 344: No Service.
pub static NO_SERVICE: ErrorCode = row(
    344,
    "NSERR_NOSERVICE",
    "No Service",
    "Add the service first, or correct its name.",
);
/// 345: Operating system error.
pub static SYSTEM_ERROR: ErrorCode = row(
    345,
    "NSERR_SYSTEM",
    "Operating system error",
    "Look at the log of this program.",
);
/// 351: No such server.
pub static NO_SUCH_SERVER: ErrorCode = row(
    351,
    "NSERR_NOSERVER",
    "No such server",
    "Add the server first, or correct its name.",
);
/// 354: Invalid username or password.
pub static INVALID_LOGIN: ErrorCode = row(
    354,
    "NSERR_INVALIDUSER",
    "Invalid username or password",
    "Log in with another name or password; `set system user` gives a new one.",
);
/// 363: Operation not permitted on stand-alone node.
pub static STAND_ALONE: ErrorCode = row(
    363,
    "NSERR_STANDALONE",
    "Operation not permitted on stand-alone node",
    "There is no other node to work with; nothing needs to be done.",
);
/// 371: No command policy defined, permission denied.
pub static NO_COMMAND_POLICY: ErrorCode = row(
    371,
    "NSERR_NOPOLICY",
    "No command policy defined, permission denied",
    "Bind a command policy to the user or to a group of the user.",
);
/// 372: System group does not exist.
pub static NO_SUCH_GROUP: ErrorCode = row(
    372,
    "NSERR_NOGROUP",
    "System group does not exist",
    "Add the group first, or correct its name.",
);
/// 373: System command policy does not exist.
pub static NO_SUCH_CMD_POLICY: ErrorCode = row(
    373,
    "NSERR_NOCMDPOLICY",
    "System command policy does not exist",
    "Add the command policy first, or correct its name.",
);
/// 397: IP does not exist.
pub static IP_MISSING: ErrorCode = row(
    397,
    "NSERR_NOIP",
    "IP does not exist",
    "Give an address of this machine, or add the address to it first.",
);
/// 431: No arguments to set.
pub static NO_ARGUMENTS: ErrorCode = row(
    431,
    "NSERR_NOARGS",
    "No arguments to set",
    "Name at least one argument to change.",
);
/// 444: Session expired or killed. Please login again.
pub static SESSION_EXPIRED: ErrorCode = row(
    444,
    "NSERR_SESSION_EXPIRED",
    "Session expired or killed. Please login again",
    "Log in again.",
);
/// 446: Connection limit to CFE exceeded.
pub static TOO_MANY_SESSIONS: ErrorCode = row(
    446,
    "NSERR_CONN_LIMIT",
    "Connection limit to CFE exceeded",
    "Log out elsewhere, or wait until sessions end by themselves.",
);
/// 449: Current session cannot be killed.
pub static SESSION_NOT_KILLABLE: ErrorCode = row(
    449,
    "NSERR_OWNSESSION",
    "Current session cannot be killed",
    "Log out instead.",
);
/// 452: Session does not exist.
pub static NO_SUCH_SESSION: ErrorCode = row(
    452,
    "NSERR_NOSESSION",
    "Session does not exist",
    "List the sessions with `show system session`.",
);
/// 461: No such Vserver.
pub static NO_SUCH_VSERVER: ErrorCode = row(
    461,
    "NSERR_NOVSERVER",
    "No such Vserver",
    "Add the virtual server first, or correct its name.",
);
/// 478: Vserver type mismatch.
pub static VSERVER_TYPE_MISMATCH: ErrorCode = row(
    478,
    "NSERR_VSERVER_TYPE_MISMATCH",
    "Vserver type mismatch",
    "Bind services of a type that fits the virtual server's type.",
);
/// 528: Action name is already in use.
pub static ACTION_EXISTS: ErrorCode = row(
    528,
    "NSERR_ACTION_EXISTS",
    "Action name is already in use",
    "Use `set` to change it, or remove it first.",
);
/// 538: Action does not exist.
pub static NO_SUCH_ACTION: ErrorCode = row(
    538,
    "NSERR_NOACTION",
    "Action does not exist",
    "Add the action first, or correct its name.",
);
/// 1027: Not logged in or connection timed out.
pub static NOT_LOGGED_IN: ErrorCode = row(
    1027,
    "NSERR_AUTHTIMEOUT",
    "Not logged in or connection timed out",
    "Log in first.",
);
/// 1043: Internal error.
pub static INTERNAL_ERROR: ErrorCode = row(
    1043,
    "NSERR_INTERNAL",
    "Internal error",
    "Look at the ADC's log.",
);
/// 1067: Feature(s) not enabled.
pub static FEATURE_NOT_ENABLED: ErrorCode = row(
    1067,
    "NSERR_FEATURE_DISABLED",
    "Feature(s) not enabled",
    "Use `enable ns feature`.",
);
/// 1070: Object in use, cannot delete.
pub static OBJECT_IN_USE: ErrorCode = row(
    1070,
    "NSERR_OBJECT_IN_USE",
    "Object in use, cannot delete",
    "Unbind it, or remove what refers to it, first.",
);
/// 1074: Invalid value.
pub static INVALID_VALUE: ErrorCode = row(
    1074,
    "NSERR_INVALID_VALUE",
    "Invalid value",
    "Correct the value.",
);
/// 1075: Invalid name; names must begin with an alphanumeric character or underscore and must contain only alphanumerics, _ # . space : @ = or -.
pub static INVALID_NAME: ErrorCode = row(
    1075,
    "NSERR_INVALID_NAME",
    "Invalid name; names must begin with an alphanumeric character or underscore and must contain only alphanumerics, _ # . space : @ = or -",
    "Choose another name.",
);
/// 1088: No such command.
pub static NO_SUCH_COMMAND: ErrorCode = row(
    1088,
    "NSERR_NOCMD",
    "No such command",
    "Correct the verb or the object type; `help` lists them.",
);
/// 1089: Ambiguous command name.
pub static AMBIGUOUS_COMMAND: ErrorCode = row(
    1089,
    "NSERR_AMBIGUOUS_CMD",
    "Ambiguous command name",
    "Write more letters of the word.",
);
/// 1090: No such argument.
pub static NO_SUCH_ARGUMENT: ErrorCode = row(
    1090,
    "NSERR_NOARG",
    "No such argument",
    "Remove the argument, or correct its name.",
);
/// 1091: Required argument value missing.
pub static ARGUMENT_VALUE_MISSING: ErrorCode = row(
    1091,
    "NSERR_ARGVALMISSING",
    "Required argument value missing",
    "Write a value after the argument.",
);
/// 1092: Arguments cannot both be specified.
pub static ARGUMENTS_EXCLUDE: ErrorCode = row(
    1092,
    "NSERR_ARGEXCLUSIVE",
    "Arguments cannot both be specified",
    "Keep one of the two.",
);
/// 1093: Argument pre-requisite missing.
pub static PREREQUISITE_MISSING: ErrorCode = row(
    1093,
    "NSERR_ARGPREREQ",
    "Argument pre-requisite missing",
    "Add the argument it depends on.",
);
/// 1094: Too few arguments.
pub static TOO_FEW_ARGUMENTS: ErrorCode = row(
    1094,
    "NSERR_TOOFEWARGS",
    "Too few arguments",
    "Complete the command.",
);
/// 1095: Required argument missing.
pub static ARGUMENT_MISSING: ErrorCode = row(
    1095,
    "NSERR_ARGMISSING",
    "Required argument missing",
    "Add the argument.",
);
/// 1096: Argument(s) out of order.
pub static ARGUMENT_OUT_OF_ORDER: ErrorCode = row(
    1096,
    "NSERR_ARGORDER",
    "Argument(s) out of order",
    "Write the positional arguments in the documented order.",
);
/// 1097: Invalid argument value.
pub static INVALID_ARGUMENT_VALUE: ErrorCode = row(
    1097,
    "NSERR_ARGVAL_INVALID",
    "Invalid argument value",
    "Correct the value.",
);
/// 1099: Ambiguous argument name.
pub static AMBIGUOUS_ARGUMENT: ErrorCode = row(
    1099,
    "NSERR_AMBIGUOUS_ARG",
    "Ambiguous argument name",
    "Write more letters of the argument's name.",
);
/// 1106: String length exceeds maximum.
pub static STRING_TOO_LONG: ErrorCode = row(
    1106,
    "NSERR_STRING_TOO_LONG",
    "String length exceeds maximum",
    "Shorten the value.",
);
/// 1107: String too short.
pub static STRING_TOO_SHORT: ErrorCode = row(
    1107,
    "NSERR_STRING_TOO_SHORT",
    "String too short",
    "Lengthen the value.",
);
/// 1108: Integer value exceeds maximum.
pub static INTEGER_TOO_LARGE: ErrorCode = row(
    1108,
    "NSERR_INTEGER_TOO_LARGE",
    "Integer value exceeds maximum",
    "Choose a smaller number.",
);
/// 1109: Integer value below minimum.
pub static INTEGER_TOO_SMALL: ErrorCode = row(
    1109,
    "NSERR_INTEGER_TOO_SMALL",
    "Integer value below minimum",
    "Choose a larger number.",
);
/// 1110: Invalid IP address.
pub static INVALID_IP: ErrorCode = row(
    1110,
    "NSERR_INVALID_IP",
    "Invalid IP address",
    "Write an IPv4 or IPv6 address.",
);
/// 1112: Argument has too many values.
pub static TOO_MANY_VALUES: ErrorCode = row(
    1112,
    "NSERR_TOO_MANY_VALUES",
    "Argument has too many values",
    "Give the argument once, with one value.",
);
/// 1114: Expression must be enclosed in quotes.
pub static EXPRESSION_UNQUOTED: ErrorCode = row(
    1114,
    "NSERR_EXPR_QUOTES",
    "Expression must be enclosed in quotes",
    "Write the expression between quotation marks, inner ones as \\\".",
);
/// 1115: Unmatched quote.
pub static UNMATCHED_QUOTE: ErrorCode = row(
    1115,
    "NSERR_UNMATCHED_QUOTE",
    "Unmatched quote",
    "Close the quotation, or write an inner quotation mark as \\\".",
);
/// 1155: No such file.
pub static NO_SUCH_FILE: ErrorCode = row(
    1155,
    "NSERR_NOFILE",
    "No such file",
    "Upload the file first, or correct its name and location.",
);
/// 1233: Invalid JSON input.
pub static INVALID_JSON: ErrorCode = row(
    1233,
    "NSERR_INVALID_JSON",
    "Invalid JSON input",
    "Send a JSON object.",
);
/// 1234: Invalid JSON data type.
pub static INVALID_JSON_TYPE: ErrorCode = row(
    1234,
    "NSERR_INVALID_JSON_TYPE",
    "Invalid JSON data type",
    "Send the type the field has.",
);
/// 1236: Invalid NITRO data type.
pub static INVALID_NITRO_TYPE: ErrorCode = row(
    1236,
    "NSERR_INVALID_NITRO_TYPE",
    "Invalid NITRO data type",
    "Name a resource type of the reference.",
);
/// 1237: Invalid method name.
pub static INVALID_METHOD: ErrorCode = row(
    1237,
    "NSERR_NITRO_METHOD",
    "Invalid method name",
    "Use GET, POST, PUT or DELETE.",
);
/// 1240: Invalid nitro action or operation.
pub static INVALID_NITRO_ACTION: ErrorCode = row(
    1240,
    "NSERR_INVALID_NITRO_ACTION",
    "Invalid nitro action or operation",
    "Use an operation the resource type has.",
);
/// 1243: Bulk operation failed.
pub static BULK_FAILED: ErrorCode = row(
    1243,
    "NSERR_NITRO_BULK",
    "Bulk operation failed",
    "Look at the answer for each object.",
);
/// 1244: Authentication Failed: Use of Basic Authentication is Disabled.
pub static BASIC_AUTH_DISABLED: ErrorCode = row(
    1244,
    "NSERR_BASIC_AUTH",
    "Authentication Failed: Use of Basic Authentication is Disabled",
    "Log in, or enable -basicAuth of `set system parameter`.",
);
/// 1461: Maximum number of concurrent save configs are in progress.
pub static SAVES_IN_PROGRESS: ErrorCode = row(
    1461,
    "NSERR_SAVES_IN_PROGRESS",
    "Maximum number of concurrent save configs are in progress",
    "Try again when they have finished.",
);
/// 1536: Invalid certificate.
pub static INVALID_CERTIFICATE: ErrorCode = row(
    1536,
    "NSERR_SSL_INVCERT",
    "Invalid certificate",
    "Give a file with a certificate, and its format with -inform.",
);
/// 1537: Invalid private key, or PEM pass phrase required for this private key.
pub static INVALID_PRIVATE_KEY: ErrorCode = row(
    1537,
    "NSERR_SSL_INVKEY",
    "Invalid private key, or PEM pass phrase required for this private key",
    "Give a file with a private key, and its pass phrase with -passplain if it has one.",
);
/// 1538: Certificate and private key do not match.
pub static KEY_MISMATCH: ErrorCode = row(
    1538,
    "NSERR_SSL_MISMATCH",
    "Certificate and private key do not match",
    "Give the key the certificate was requested with.",
);
/// 1540: Certificate does not exist.
pub static CERTIFICATE_MISSING: ErrorCode = row(
    1540,
    "NSERR_SSL_NOCERT",
    "Certificate does not exist",
    "Use `add ssl certKey` first, or correct the name.",
);
/// 1541: Certificate is referenced by a CRL, OCSP responder, vserver, service, monitor, SSL profile, another certificate, or a policy expression using `XML_ENCRYPT()/XML_DECRYPT()`.
pub static CERTIFICATE_IN_USE: ErrorCode = row(
    1541,
    "NSERR_SSL_CERT_IN_USE",
    "Certificate is referenced by a CRL, OCSP responder, vserver, service, monitor, SSL profile, another certificate, or a policy expression using XML_ENCRYPT()/XML_DECRYPT()",
    "Unbind or unlink it first.",
);
/// 1542: Certificate binding does not exist.
pub static CERTIFICATE_BINDING_MISSING: ErrorCode = row(
    1542,
    "NSERR_SSL_NOBINDING",
    "Certificate binding does not exist",
    "Name the certificate as it is bound, with -CA or -SNICert where it was bound so.",
);
/// 1543: Certificate can't be linked to the same certificate.
pub static LINK_TO_ITSELF: ErrorCode = row(
    1543,
    "NSERR_SSL_SELF_LINK",
    "Certificate can't be linked to the same certificate",
    "Link it to its issuer's certificate.",
);
/// 1544: Object's protocol type is not SSL.
pub static NOT_SSL: ErrorCode = row(
    1544,
    "NSERR_SSL_NOT_SSL",
    "Object's protocol type is not SSL",
    "Use an object of type SSL or SSL_TCP.",
);
/// 1545: Certificate does not have any CA link.
pub static NO_LINK: ErrorCode = row(
    1545,
    "NSERR_SSL_NOLINK",
    "Certificate does not have any CA link",
    "Nothing needs to be unlinked.",
);
/// 1546: Current certificate replaces the previous binding.
pub static BINDING_REPLACED: ErrorCode = row(
    1546,
    "NSERR_SSL_BINDING_REPLACED",
    "Current certificate replaces the previous binding",
    "None needed: one server certificate of each key type is served.",
);
/// 1547: Certificate is not a server certificate.
pub static NOT_A_SERVER_CERTIFICATE: ErrorCode = row(
    1547,
    "NSERR_SSL_NOTSERVERCERT",
    "Certificate is not a server certificate",
    "Bind a certificate that has a private key, or bind this one with -CA.",
);
/// 1548: Issuer certificate mismatch.
pub static ISSUER_MISMATCH: ErrorCode = row(
    1548,
    "NSERR_SSL_ISSUER_MISMATCH",
    "Issuer certificate mismatch",
    "Link the certificate to the one that signed it.",
);
/// 1550: CRL does not exist.
pub static NO_SUCH_CRL: ErrorCode = row(
    1550,
    "NSERR_SSL_NOCRL",
    "CRL does not exist",
    "Add the CRL first, or correct its name.",
);
/// 1562: Key size not supported.
pub static KEY_SIZE_UNSUPPORTED: ErrorCode = row(
    1562,
    "NSERR_SSL_KEYSIZE",
    "Key size not supported",
    "Use 2048, 3072 or 4096 bits.",
);
/// 1587: All incompatible CA links/Cert bindings were broken during the update operation.
pub static LINKS_BROKEN: ErrorCode = row(
    1587,
    "NSERR_SSL_LINKSBROKEN",
    "All incompatible CA links/Cert bindings were broken during the update operation",
    "Link the certificate to its new issuer's.",
);
/// 1588: The certificate is not yet valid.
pub static NOT_YET_VALID: ErrorCode = row(
    1588,
    "NSERR_SSL_NOTYETVALID",
    "The certificate is not yet valid",
    "Wait, or use another certificate.",
);
/// 1589: The certificate has expired.
pub static EXPIRED: ErrorCode = row(
    1589,
    "NSERR_SSL_EXPIRED",
    "The certificate has expired",
    "Renew it and use `update ssl certKey`.",
);
/// 1590: All incompatible CA links/Cert bindings were broken during the update operation, and the certificate is not yet valid.
pub static LINKS_BROKEN_NOT_YET_VALID: ErrorCode = row(
    1590,
    "NSERR_SSL_LINKSBROKEN_NOTYETVALID",
    "All incompatible CA links/Cert bindings were broken during the update operation, and the certificate is not yet valid",
    "Link the certificate to its new issuer's.",
);
/// 1591: All incompatible CA links/Cert bindings were broken during the update operation, and the certificate has expired.
pub static LINKS_BROKEN_EXPIRED: ErrorCode = row(
    1591,
    "NSERR_SSL_LINKSBROKEN_EXPIRED",
    "All incompatible CA links/Cert bindings were broken during the update operation, and the certificate has expired",
    "Renew it, and link it to its new issuer's.",
);
/// 1640: Both certificate and private key are needed for export.
pub static EXPORT_FILES_MISSING: ErrorCode = row(
    1640,
    "NSERR_SSL_EXPORTFILES",
    "Both certificate and private key are needed for export",
    "Add -certFile and -keyFile.",
);
/// 1641: PKCS12 file missing for import.
pub static IMPORT_FILE_MISSING: ErrorCode = row(
    1641,
    "NSERR_SSL_IMPORTFILE",
    "PKCS12 file missing for import",
    "Add -pkcs12File.",
);
/// 1642: Cannot create output file. File already exists.
pub static FILE_EXISTS: ErrorCode = row(
    1642,
    "NSERR_SSL_FILEEXISTS",
    "Cannot create output file. File already exists",
    "Remove the file first, or choose another name.",
);
/// 1645: Output filepath should be under the partition's default SSL directory.
pub static OUTPUT_OUTSIDE: ErrorCode = row(
    1645,
    "NSERR_SSL_OUTPUTPATH",
    "Output filepath should be under the partition's default SSL directory",
    "Give a file name, or a path below /nsconfig/ssl.",
);
/// 1647: Input file(s) not present or not accessible in current partition.
pub static INPUT_FILE_MISSING: ErrorCode = row(
    1647,
    "NSERR_SSL_NOINPUT",
    "Input file(s) not present or not accessible in current partition",
    "Upload the file to /nsconfig/ssl first, or correct its name.",
);
/// 2138: Not authorized to execute this command.
pub static NOT_AUTHORIZED: ErrorCode = row(
    2138,
    "NSERR_NOT_AUTHORIZED",
    "Not authorized to execute this command",
    "Bind a command policy that allows it.",
);
/// 3585: Certificate is registered to a different domain; use the no domain check option to force the operation.
pub static DOMAIN_MISMATCH: ErrorCode = row(
    3585,
    "NSERR_SSL_DOMAIN_MISMATCH",
    "Certificate is registered to a different domain; use the no domain check option to force the operation",
    "Add -noDomainCheck if the names are meant to change.",
);
/// 3605: Certificate is not a CA certificate.
pub static NOT_A_CA: ErrorCode = row(
    3605,
    "NSERR_SSL_NOTCA",
    "Certificate is not a CA certificate",
    "Give a certificate with basicConstraints CA:TRUE.",
);
/// 3627: SNI feature not enabled on the vserver/service.
pub static SNI_DISABLED: ErrorCode = row(
    3627,
    "NSERR_SSL_SNI_DISABLED",
    "SNI feature not enabled on the vserver/service",
    "Use `set ssl vserver <name> -SNIEnable ENABLED`, or the same in its SSL profile.",
);
/// 3665: Certificate bundle exceeds the limit of 9 intermediate certificates.
pub static TOO_MANY_INTERMEDIATES: ErrorCode = row(
    3665,
    "NSERR_SSL_BUNDLELIMIT",
    "Certificate bundle exceeds the limit of 9 intermediate certificates",
    "Leave out certificates that are not needed between the server's and the root.",
);
/// 3679: Operation not permitted. Use set ssl profile.
pub static USE_SSL_PROFILE: ErrorCode = row(
    3679,
    "NSERR_SSL_USE_PROFILE",
    "Operation not permitted. Use set ssl profile",
    "Change the SSL profile that is bound, or bind another one.",
);
/// 3680: Profile is in use.
pub static PROFILE_IN_USE: ErrorCode = row(
    3680,
    "NSERR_SSL_PROFILE_IN_USE",
    "Profile is in use",
    "Bind another profile where it is used first.",
);
/// 3681: Parameter(s) not applicable for this type of SSL profile.
pub static NOT_FOR_THIS_PROFILE: ErrorCode = row(
    3681,
    "NSERR_SSL_PROFILE_PARAMETER",
    "Parameter(s) not applicable for this type of SSL profile",
    "Put front-end settings in a FrontEnd profile, back-end settings in a BackEnd profile.",
);
/// 3711: Cipher Group does not exist.
pub static NO_SUCH_CIPHER_GROUP: ErrorCode = row(
    3711,
    "NSERR_SSL_NOCIPHERGROUP",
    "Cipher Group does not exist",
    "Add the cipher group first, or correct its name.",
);
/// 3712: No SSL vserver/service found with this name.
pub static SSL_ENTITY_MISSING: ErrorCode = row(
    3712,
    "NSERR_SSL_NOENTITY",
    "No SSL vserver/service found with this name",
    "Add the virtual server or service first, or correct its name.",
);
/// 3718: Certificate file name not specified.
pub static CERTIFICATE_FILE_MISSING: ErrorCode = row(
    3718,
    "NSERR_SSL_NOCERTFILE",
    "Certificate file name not specified",
    "Add -cert <file>.",
);
/// 3719: Cannot delete internal default certificate.
pub static BUILTIN_CERTIFICATE: ErrorCode = row(
    3719,
    "NSERR_SSL_BUILTIN_CERT",
    "Cannot delete internal default certificate",
    "Use `update ssl certKey` to replace its contents.",
);
/// 3722: Cannot bind internal default certificate.
pub static BUILTIN_CERTIFICATE_BINDING: ErrorCode = row(
    3722,
    "NSERR_SSL_BUILTIN_BIND",
    "Cannot bind internal default certificate",
    "Bind a certificate of your own.",
);
/// 3727: Front-end/back-end profile mismatch.
pub static PROFILE_SIDE_MISMATCH: ErrorCode = row(
    3727,
    "NSERR_SSL_PROFILE_SIDE",
    "Front-end/back-end profile mismatch",
    "Bind a FrontEnd profile to a vserver and a BackEnd profile to a service or service group.",
);
/// 3737: Default SSL profile cannot be unset or removed.
pub static DEFAULT_PROFILE_FIXED: ErrorCode = row(
    3737,
    "NSERR_SSL_DEFAULT_PROFILE",
    "Default SSL profile cannot be unset or removed",
    "Once enabled, the default profile stays enabled.",
);

/// Every code, in numerical order.
pub static CODES: &[&ErrorCode] = &[
    &NOT_PERMITTED,
    &NO_SUCH_RESOURCE,
    &PERMISSION_DENIED,
    &RESOURCE_EXISTS,
    &INVALID_ARGUMENT,
    &FILE_TOO_LARGE,
    &IN_PROGRESS,
    &NOT_SUPPORTED,
    &ADDRESS_IN_USE,
    &RESOURCE_IN_USE,
    &TIMED_OUT,
    &NO_SERVICE,
    &SYSTEM_ERROR,
    &NO_SUCH_SERVER,
    &INVALID_LOGIN,
    &STAND_ALONE,
    &NO_COMMAND_POLICY,
    &NO_SUCH_GROUP,
    &NO_SUCH_CMD_POLICY,
    &IP_MISSING,
    &NO_ARGUMENTS,
    &SESSION_EXPIRED,
    &TOO_MANY_SESSIONS,
    &SESSION_NOT_KILLABLE,
    &NO_SUCH_SESSION,
    &NO_SUCH_VSERVER,
    &VSERVER_TYPE_MISMATCH,
    &ACTION_EXISTS,
    &NO_SUCH_ACTION,
    &NOT_LOGGED_IN,
    &INTERNAL_ERROR,
    &FEATURE_NOT_ENABLED,
    &OBJECT_IN_USE,
    &INVALID_VALUE,
    &INVALID_NAME,
    &NO_SUCH_COMMAND,
    &AMBIGUOUS_COMMAND,
    &NO_SUCH_ARGUMENT,
    &ARGUMENT_VALUE_MISSING,
    &ARGUMENTS_EXCLUDE,
    &PREREQUISITE_MISSING,
    &TOO_FEW_ARGUMENTS,
    &ARGUMENT_MISSING,
    &ARGUMENT_OUT_OF_ORDER,
    &INVALID_ARGUMENT_VALUE,
    &AMBIGUOUS_ARGUMENT,
    &STRING_TOO_LONG,
    &STRING_TOO_SHORT,
    &INTEGER_TOO_LARGE,
    &INTEGER_TOO_SMALL,
    &INVALID_IP,
    &TOO_MANY_VALUES,
    &EXPRESSION_UNQUOTED,
    &UNMATCHED_QUOTE,
    &NO_SUCH_FILE,
    &INVALID_JSON,
    &INVALID_JSON_TYPE,
    &INVALID_NITRO_TYPE,
    &INVALID_METHOD,
    &INVALID_NITRO_ACTION,
    &BULK_FAILED,
    &BASIC_AUTH_DISABLED,
    &SAVES_IN_PROGRESS,
    &INVALID_CERTIFICATE,
    &INVALID_PRIVATE_KEY,
    &KEY_MISMATCH,
    &CERTIFICATE_MISSING,
    &CERTIFICATE_IN_USE,
    &CERTIFICATE_BINDING_MISSING,
    &LINK_TO_ITSELF,
    &NOT_SSL,
    &NO_LINK,
    &BINDING_REPLACED,
    &NOT_A_SERVER_CERTIFICATE,
    &ISSUER_MISMATCH,
    &NO_SUCH_CRL,
    &KEY_SIZE_UNSUPPORTED,
    &LINKS_BROKEN,
    &NOT_YET_VALID,
    &EXPIRED,
    &LINKS_BROKEN_NOT_YET_VALID,
    &LINKS_BROKEN_EXPIRED,
    &EXPORT_FILES_MISSING,
    &IMPORT_FILE_MISSING,
    &FILE_EXISTS,
    &OUTPUT_OUTSIDE,
    &INPUT_FILE_MISSING,
    &NOT_AUTHORIZED,
    &DOMAIN_MISMATCH,
    &NOT_A_CA,
    &SNI_DISABLED,
    &TOO_MANY_INTERMEDIATES,
    &USE_SSL_PROFILE,
    &PROFILE_IN_USE,
    &NOT_FOR_THIS_PROFILE,
    &NO_SUCH_CIPHER_GROUP,
    &SSL_ENTITY_MISSING,
    &CERTIFICATE_FILE_MISSING,
    &BUILTIN_CERTIFICATE,
    &BUILTIN_CERTIFICATE_BINDING,
    &PROFILE_SIDE_MISMATCH,
    &DEFAULT_PROFILE_FIXED,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table_is_sorted_unique_and_documented() {
        assert!(CODES.windows(2).all(|pair| pair[0].code < pair[1].code));
        for code in CODES {
            assert!(code.symbol.starts_with("NSERR_"), "{code:?}");
            assert!(
                !code.text.is_empty() && !code.text.ends_with('.'),
                "{code:?}"
            );
            assert!(code.remedy.ends_with('.'), "{code:?}");
        }
    }

    #[test]
    fn symbols_are_unique() {
        let mut symbols: Vec<_> = CODES.iter().map(|code| code.symbol).collect();
        symbols.sort_unstable();
        symbols.dedup();

        assert_eq!(symbols.len(), CODES.len());
    }
}
