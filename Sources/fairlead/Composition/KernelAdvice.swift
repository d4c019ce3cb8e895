import DataplaneModel

extension DataplaneError {
    /// The error in words, with what to do about it where that is known.
    var advice: String {
        switch kind {
        case .notPermitted:
            "\(self)\nThis needs root, or the capabilities CAP_NET_ADMIN and CAP_NET_RAW."
        case .busy: "\(self)\nAnother program holds the lock; look for a stuck iptables."
        default: "\(self)"
        }
    }
}

/// Runs `body` and turns kernel errors into words.
func withAdvice<Result>(_ body: () throws -> Result) throws -> Result {
    do {
        return try body()
    } catch let error as DataplaneError {
        throw CommandFailure(error.advice)
    }
}
