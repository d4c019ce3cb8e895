package import NIOSSL

/// What a test server can do, and what it refuses.
package struct ServerOptions: Sendable {
    package enum WatchList: Sendable {
        case served
        /// 422, as servers with the feature off.
        case refused
        /// As servers from before it: objects come, and never their end.
        case unknown
    }

    package var encodings: Set<ServedEncoding> = Set(ServedEncoding.allCases)
    package var watchList = WatchList.served
    /// Field selectors on Services by ClusterIP.
    package var knowsClusterIPSelector = true
    package var resources = Set(ServedResource.allCases)
    /// Divides `timeoutSeconds`, for clients whose clock runs faster.
    package var speed = 1
    package var bookmarkInterval = Duration.milliseconds(50)
    /// Nil serves without TLS.
    package var tls: TLSConfiguration?
    /// HTTP/2 by ALPN; needs TLS.
    package var servesHTTP2 = false
    /// Values of `Authorization` that are let in; nil accepts all.
    package var authorizations: Set<String>?

    package init() {}
}
