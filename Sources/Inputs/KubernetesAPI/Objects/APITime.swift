/// A time, counted from 1970-01-01 00:00 UTC.
package struct APITime: Sendable, Hashable, Comparable {
    package var seconds: Int64
    /// 0...999 999 999
    package var nanoseconds: Int32

    package init(seconds: Int64, nanoseconds: Int32 = 0) {
        self.seconds = seconds
        self.nanoseconds = nanoseconds
    }

    /// On an EndpointSlice: when its endpoints last changed.
    static let lastChangeAnnotation = "endpoints.kubernetes.io/last-change-trigger-time"

    package static func < (left: APITime, right: APITime) -> Bool {
        (left.seconds, left.nanoseconds) < (right.seconds, right.nanoseconds)
    }
}

extension APITime {
    /// Parses `2026-01-02T03:04:05.678901234Z`, or with an offset such as `+01:00` (RFC 3339); nil
    /// for anything else.
    package init?(rfc3339 text: String) {
        var rest = text.utf8[...]
        func literal(_ characters: String) -> Bool {
            guard let first = rest.first, characters.utf8.contains(first) else { return false }
            rest = rest.dropFirst()
            return true
        }
        func number(_ digits: Int, _ range: ClosedRange<Int64>) -> Int64? {
            guard rest.count >= digits else { return nil }
            var value: Int64 = 0
            for byte in rest.prefix(digits) {
                guard (0x30...0x39).contains(byte) else { return nil }
                value = value * 10 + Int64(byte - 0x30)
            }
            rest = rest.dropFirst(digits)
            return range.contains(value) ? value : nil
        }
        guard let year = number(4, 1...9999), literal("-"), let month = number(2, 1...12),
            literal("-"), let day = number(2, 1...31), literal("Tt"),
            let hour = number(2, 0...23), literal(":"), let minute = number(2, 0...59),
            literal(":"), let second = number(2, 0...60)
        else { return nil }
        var nanoseconds: Int64 = 0
        if literal(".") {
            let digits = rest.prefix { (0x30...0x39).contains($0) }.count
            guard (1...9).contains(digits), let fraction = number(digits, 0...999_999_999) else {
                return nil
            }
            nanoseconds = (digits..<9).reduce(fraction) { value, _ in value * 10 }
        }
        var offset: Int64 = 0
        if !literal("Zz") {
            let sign: Int64 = rest.first == UInt8(ascii: "-") ? -1 : 1
            guard literal("+-"), let hours = number(2, 0...23), literal(":"),
                let minutes = number(2, 0...59)
            else { return nil }
            offset = sign * (hours * 3600 + minutes * 60)
        }
        guard rest.isEmpty else { return nil }
        let days = Self.days(year: year, month: month, day: day)
        self.init(
            seconds: days * 86400 + hour * 3600 + minute * 60 + second - offset,
            nanoseconds: Int32(nanoseconds)
        )
    }

    /// Days since 1970-01-01. The year begins in March, so that the leap day is its last day.
    private static func days(year: Int64, month: Int64, day: Int64) -> Int64 {
        let shifted = month <= 2 ? year - 1 : year
        let monthFromMarch = (month + 9) % 12
        let dayOfYear = (153 * monthFromMarch + 2) / 5 + day - 1
        return shifted * 365 + shifted / 4 - shifted / 100 + shifted / 400 + dayOfYear - 719_468
    }
}
