import Addressing

/// Rules as kube-proxy and its neighbours write them, in the dialect of iptables-restore.
struct KubeProxyLayout {
    let family: IPFamily

    private var vip: String { family == .ipv4 ? "10.96.0.10" : "fd00:96::10" }
    private var pod: String { family == .ipv4 ? "10.180.0.11" : "fd00:180::11" }
    private var target: String { family == .ipv4 ? "\(pod):8080" : "[\(pod)]:8080" }
    private var foreign: String { family == .ipv4 ? "203.0.113.9" : "2001:db8:113::9" }

    /// What has to stay: rules of kubelet and kube-router, and some of unknown programs.
    var neighbours: String {
        """
        *mangle
        :PREROUTING ACCEPT [0:0]
        :KUBE-IPTABLES-HINT - [0:0]
        :KUBE-KUBELET-CANARY - [0:0]
        COMMIT
        *filter
        :INPUT ACCEPT [0:0]
        :FORWARD ACCEPT [0:0]
        :OUTPUT ACCEPT [0:0]
        :KUBE-FIREWALL - [0:0]
        :KUBE-KUBELET-CANARY - [0:0]
        :KUBE-ROUTER-INPUT - [0:0]
        :KUBE-POD-FW-BBBBBBBBBBBBBBB3 - [0:0]
        -A INPUT -j KUBE-FIREWALL
        -A INPUT -j KUBE-ROUTER-INPUT
        -A OUTPUT -m comment --comment "KUBE-SERVICES" -j KUBE-FIREWALL
        -A KUBE-ROUTER-INPUT -s \(foreign) -j KUBE-POD-FW-BBBBBBBBBBBBBBB3
        COMMIT
        *nat
        :PREROUTING ACCEPT [0:0]
        :OUTPUT ACCEPT [0:0]
        :POSTROUTING ACCEPT [0:0]
        :KUBE-MARK-DROP - [0:0]
        :KUBE-SVC-SHORT - [0:0]
        -A OUTPUT -d \(foreign) -j KUBE-SVC-SHORT
        -A KUBE-MARK-DROP -j MARK --or-mark 0x8000
        COMMIT

        """
    }

    /// kube-proxy's, of iptables and ipvs mode at once; to be added to what is there.
    var rules: String {
        """
        *mangle
        :KUBE-PROXY-CANARY - [0:0]
        COMMIT
        *filter
        :KUBE-SERVICES - [0:0]
        :KUBE-EXTERNAL-SERVICES - [0:0]
        :KUBE-FORWARD - [0:0]
        :KUBE-NODEPORTS - [0:0]
        :KUBE-PROXY-CANARY - [0:0]
        :KUBE-PROXY-FIREWALL - [0:0]
        :KUBE-IPVS-FILTER - [0:0]
        :KUBE-NODE-PORT - [0:0]
        -I INPUT -m conntrack --ctstate NEW -m comment --comment "kubernetes load balancer firewall" -j KUBE-PROXY-FIREWALL
        -I INPUT -m comment --comment "kubernetes health check service ports" -j KUBE-NODEPORTS
        -I INPUT -j KUBE-IPVS-FILTER
        -I FORWARD -m comment --comment "kubernetes forwarding rules" -j KUBE-FORWARD
        -I OUTPUT -m conntrack --ctstate NEW -m comment --comment "kubernetes service portals" -j KUBE-SERVICES
        -A KUBE-FORWARD -m conntrack --ctstate INVALID -j DROP
        -A KUBE-FORWARD -m mark --mark 0x4000/0x4000 -j ACCEPT
        -A KUBE-NODE-PORT -p tcp --dport 30999 -j ACCEPT
        COMMIT
        *nat
        :KUBE-MARK-MASQ - [0:0]
        :KUBE-NODEPORTS - [0:0]
        :KUBE-POSTROUTING - [0:0]
        :KUBE-PROXY-CANARY - [0:0]
        :KUBE-SERVICES - [0:0]
        :KUBE-SEP-AAAAAAAAAAAAAAA2 - [0:0]
        :KUBE-SVC-BBBBBBBBBBBBBBB3 - [0:0]
        :KUBE-EXT-BBBBBBBBBBBBBBB3 - [0:0]
        :KUBE-FW-BBBBBBBBBBBBBBB3 - [0:0]
        :KUBE-SVL-BBBBBBBBBBBBBBB3 - [0:0]
        :KUBE-XLB-BBBBBBBBBBBBBBB3 - [0:0]
        -I PREROUTING -m comment --comment "kubernetes service portals" -j KUBE-SERVICES
        -I OUTPUT -m comment --comment "kubernetes service portals" -j KUBE-SERVICES
        -I POSTROUTING -m comment --comment "kubernetes postrouting rules" -j KUBE-POSTROUTING
        -A KUBE-MARK-MASQ -j MARK --or-mark 0x4000
        -A KUBE-NODEPORTS -p tcp --dport 30080 -j KUBE-EXT-BBBBBBBBBBBBBBB3
        -A KUBE-POSTROUTING -m mark ! --mark 0x4000/0x4000 -j RETURN
        -A KUBE-POSTROUTING -j MARK --xor-mark 0x4000
        -A KUBE-POSTROUTING -j MASQUERADE --random-fully
        -A KUBE-SEP-AAAAAAAAAAAAAAA2 -s \(pod) -j KUBE-MARK-MASQ
        -A KUBE-SEP-AAAAAAAAAAAAAAA2 -p tcp -m tcp -j DNAT --to-destination \(target)
        -A KUBE-SERVICES -d \(vip) -p tcp -m comment --comment "shop/web cluster IP" -m tcp --dport 80 -j KUBE-SVC-BBBBBBBBBBBBBBB3
        -A KUBE-SERVICES -m addrtype --dst-type LOCAL -j KUBE-NODEPORTS
        -A KUBE-EXT-BBBBBBBBBBBBBBB3 -j KUBE-MARK-MASQ
        -A KUBE-EXT-BBBBBBBBBBBBBBB3 -j KUBE-SVC-BBBBBBBBBBBBBBB3
        -A KUBE-SVC-BBBBBBBBBBBBBBB3 -j KUBE-SEP-AAAAAAAAAAAAAAA2
        COMMIT

        """
    }

    /// Its table of nftables mode.
    var table: String {
        let name = family == .ipv4 ? "ip" : "ip6"
        let type = family == .ipv4 ? "ipv4_addr" : "ipv6_addr"
        return """
            table \(name) kube-proxy {
                map service-ips {
                    type \(type) . inet_proto . inet_service : verdict
                    elements = { \(vip) . tcp . 80 : goto service-web }
                }
                chain services {
                    \(name) daddr . meta l4proto . th dport vmap @service-ips
                }
                chain service-web {
                    meta l4proto tcp dnat to \(target)
                }
                chain nat-prerouting {
                    type nat hook prerouting priority dstnat
                    jump services
                }
            }

            """
    }

    /// Tables that only look like it.
    static let otherTables = """
        table inet kube-proxy {
        }
        table ip kube-router {
            chain KUBE-SERVICES {
                counter
            }
        }

        """

    /// What `ipset restore` reads for one set each of every type that kube-proxy has.
    var sets: String {
        let six = family == .ipv6
        let options = six ? " family inet6" : ""
        return """
            create \(six ? "KUBE-6-CLUSTER-IP" : "KUBE-CLUSTER-IP") hash:ip,port\(options)
            add \(six ? "KUBE-6-CLUSTER-IP" : "KUBE-CLUSTER-IP") \(vip),tcp:80
            create \(six ? "KUBE-6-LOOP-BACK" : "KUBE-LOOP-BACK") hash:ip,port,ip\(options)
            add \(six ? "KUBE-6-LOOP-BACK" : "KUBE-LOOP-BACK") \(pod),tcp:8080,\(pod)
            create \(six ? "KUBE-6-LOAD-BALANCER-SOURCE-CID" : "KUBE-LOAD-BALANCER-SOURCE-CIDR") hash:ip,port,net\(options)
            create \(six ? "KUBE-6-NODE-PORT-LOCAL-SCTP-HAS" : "KUBE-NODE-PORT-LOCAL-SCTP-HASH") hash:ip,port\(options)
            create \(six ? "KUBE-6-NODE-PORT-TCP" : "KUBE-NODE-PORT-TCP") bitmap:port range 0-65535

            """
    }

    /// Sets of kube-router's, of one's own, and the other family's.
    static let otherSets = """
        create KUBE-SRC-ABCDEF hash:ip
        create KUBE-CLUSTER-IPS hash:ip
        create mine hash:ip

        """
}
