//! The lines of SSL settings that virtual servers, services, groups and profiles print.

/// SSL settings of a virtual server without a profile, below its heading.
macro_rules! vserver_block {
    ($($heading:literal),+) => {
        &[
            $($heading,)+
            "?sslprofile;\tProfile Name :{sslprofile}",
            "!sslprofile;\tDH: {dh|DISABLED}",
            "!sslprofile;\tDH Private-Key Exponent Size Limit: {dhkeyexpsizelimit|DISABLED}\tEphemeral RSA: {ersa|ENABLED}\t\tRefresh Count: {ersacount|0}",
            "!sslprofile;\tSession Reuse: {sessreuse|ENABLED}\t\tTimeout: {sesstimeout|120} seconds",
            "!sslprofile;\tCipher Redirect: {cipherredirect|DISABLED}",
            "!sslprofile;\tClearText Port: {cleartextport|0}",
            "!sslprofile;!clientauth;\tClient Auth: DISABLED",
            "!sslprofile;?clientauth;\tClient Auth: {clientauth}\tClient Cert Required: {clientcert|Mandatory}",
            "!sslprofile;\tSSL Redirect: {sslredirect|DISABLED}",
            "!sslprofile;\tNon FIPS Ciphers: {nonfipsciphers|DISABLED}",
            "!sslprofile;\tSNI: {snienable|DISABLED}",
            "!sslprofile;\tOCSP Stapling: {ocspstapling|DISABLED}",
            "!sslprofile;\tHSTS: {hsts|DISABLED}",
            "!sslprofile;\tHSTS IncludeSubDomains: {includesubdomains|NO}",
            "!sslprofile;\tHSTS Max-Age: {maxage|0}",
            "!sslprofile;\tHSTS Preload: {preload|NO}",
            "!sslprofile;\tSSLv3: {ssl3|DISABLED}  TLSv1.0: {tls1|DISABLED}  TLSv1.1: {tls11|DISABLED}  TLSv1.2: {tls12|ENABLED}  TLSv1.3: {tls13|DISABLED}",
            "!sslprofile;\tPush Encryption Trigger: {pushenctrigger|Always}",
            "!sslprofile;\tSend Close-Notify: {sendclosenotify|YES}",
            "!sslprofile;\tStrict Sig-Digest Check: {strictsigdigestcheck|DISABLED}",
            "!sslprofile;\tZero RTT Early Data: {zerorttearlydata|DISABLED}",
            "!sslprofile;\tDHE Key Exchange With PSK: {dhekeyexchangewithpsk|NO}",
            "!sslprofile;\tTickets Per Authentication Context: {tls13sessionticketsperauthcontext|1}",
            "!sslprofile;\tDefault SNI: {defaultsni}",
            "\tProtocols Offered: {protocolsoffered}",
            "\tECC Curve: {@curves}",
        ]
    };
}

/// SSL settings of a service or group without a profile, below its heading.
macro_rules! service_block {
    ($($heading:literal),+) => {
        &[
            $($heading,)+
            "?sslprofile;\tProfile Name :{sslprofile}",
            "!sslprofile;\tDH: {dh|DISABLED}",
            "!sslprofile;\tDH Private-Key Exponent Size Limit: {dhkeyexpsizelimit|DISABLED}\tEphemeral RSA: {ersa|DISABLED}",
            "!sslprofile;\tSession Reuse: {sessreuse|ENABLED}\t\tTimeout: {sesstimeout|300} seconds",
            "!sslprofile;\tCipher Redirect: {cipherredirect|DISABLED}",
            "!sslprofile;\tClearText Port: {cleartextport|0}",
            "!sslprofile;\tServer Auth: {serverauth|DISABLED}",
            "!sslprofile;\tCommon Name: {commonname}",
            "!sslprofile;\tSSL Redirect: {sslredirect|DISABLED}",
            "!sslprofile;\tNon FIPS Ciphers: {nonfipsciphers|DISABLED}",
            "!sslprofile;\tSNI: {snienable|DISABLED}",
            "!sslprofile;\tOCSP Stapling: {ocspstapling|DISABLED}",
            "!sslprofile;\tSSLv3: {ssl3|DISABLED}  TLSv1.0: {tls1|DISABLED}  TLSv1.1: {tls11|DISABLED}  TLSv1.2: {tls12|ENABLED}  TLSv1.3: {tls13|DISABLED}",
            "!sslprofile;\tSend Close-Notify: {sendclosenotify|YES}",
            "!sslprofile;\tStrict Sig-Digest Check: {strictsigdigestcheck|DISABLED}",
            "\tZero-Touch Certificate: {zerotouchcert}",
            "\tECC Curve: {@curves}",
        ]
    };
}

/// Settings of a profile, below its heading.
macro_rules! profile_block {
    ($($heading:literal),+) => {
        &[
            $($heading,)+
            "\tSSLv3: {ssl3|DISABLED}  TLSv1.0: {tls1|DISABLED}  TLSv1.1: {tls11|DISABLED}  TLSv1.2: {tls12|ENABLED}  TLSv1.3: {tls13|DISABLED}",
            "!clientauth;\tClient Auth: DISABLED",
            "?clientauth;\tClient Auth: {clientauth}\tClient Cert Required: {clientcert|Mandatory}",
            "\tUse only bound CA certificates: {clientauthuseboundcachain|DISABLED}",
            "\tStrict CA checks:\t\t{strictcachecks|NO}",
            "\tServer Auth: {serverauth}",
            "\tCommon Name: {commonname}",
            "\tSession Reuse: {sessreuse|ENABLED}\t\tTimeout: {sesstimeout|120} seconds",
            "\tDH: {dh|DISABLED}",
            "\tDH Private-Key Exponent Size Limit: {dhkeyexpsizelimit|DISABLED}\tEphemeral RSA: {ersa|ENABLED}\t\tRefresh Count: {ersacount|0}",
            "\tDeny SSL Renegotiation\t\t{denysslreneg|ALL}",
            "\tNon FIPS Ciphers: {nonfipsciphers|DISABLED}",
            "\tCipher Redirect: {cipherredirect|DISABLED}",
            "\tSSL Redirect: {sslredirect|DISABLED}",
            "\tSend Close-Notify: {sendclosenotify|YES}",
            "\tStrict Sig-Digest Check: {strictsigdigestcheck|DISABLED}",
            "\tZero RTT Early Data: {zerorttearlydata|DISABLED}",
            "\tDHE Key Exchange With PSK: {dhekeyexchangewithpsk|NO}",
            "\tTickets Per Authentication Context: {tls13sessionticketsperauthcontext|1}",
            "\tPush Encryption Trigger: {pushenctrigger|Always}",
            "\tPUSH encryption trigger timeout:\t{pushenctriggertimeout|1} ms",
            "\tSNI: {snienable|DISABLED}",
            "\tAllow Unknown SNI: {allowunknownsni}",
            "\tDefault SNI: {defaultsni}",
            "\tOCSP Stapling: {ocspstapling|DISABLED}",
            "\tStrict Host Header check for SNI enabled SSL sessions:\t\t{dropreqwithnohostheader|NO}",
            "\tMatch HTTP Host header with SNI: {snihttphostmatch|CERT}",
            "\tPush flag:\t0x{pushflag|0}",
            "\tSSL quantum size:\t\t{quantumsize|8} kB",
            "\tEncryption trigger timeout\t{ssltriggertimeout|100} mS",
            "\tEncryption trigger packet count:\t{encrypttriggerpktcount|45}",
            "\tSubject/Issuer Name Insertion Format:\t{insertionencoding|Unicode}",
            "\tSSL Interception: {sslinterception|DISABLED}",
            "\tSession Ticket: {sessionticket|DISABLED}",
            "?sessionticket;\tSession Ticket Lifetime: {sessionticketlifetime|300} (secs)",
            "\tHSTS: {hsts|DISABLED}",
            "\tHSTS IncludeSubDomains: {includesubdomains|NO}",
            "\tHSTS Max-Age: {maxage|0}",
            "\tHSTS Preload: {preload|NO}",
            "\tAllow Extended Master Secret: {allowextendedmastersecret|NO}",
            "\tSend ALPN Protocol: {alpnprotocol|NONE}",
            "\tDynamic Client Certificate: {dynamicclientcert}",
            "\tZero-Touch Certificate: {zerotouchcert}",
            "\tECC Curve: {@curves}",
        ]
    };
}

pub(super) use {profile_block, service_block, vserver_block};
