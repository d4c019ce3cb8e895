/// Rules as those programs make them.
enum Neighbours {
    /// A hostPort, which the third pod has.
    static func portmap(_ port: Int) -> String {
        """
        -t nat -N CNI-HOSTPORT-DNAT
        -t nat -N CNI-HOSTPORT-SETMARK
        -t nat -N CNI-HOSTPORT-MASQ
        -t nat -N CNI-DN-0123456789abcdef
        -t nat -A CNI-HOSTPORT-SETMARK -m comment --comment portmap -j MARK --set-xmark 0x2000/0x2000
        -t nat -A CNI-HOSTPORT-MASQ -m mark --mark 0x2000/0x2000 -j MASQUERADE
        -t nat -A CNI-HOSTPORT-DNAT -p tcp -m multiport --dports \(port) -j CNI-DN-0123456789abcdef
        -t nat -A CNI-DN-0123456789abcdef -s 10.180.0.0/24 -p tcp --dport \(port) -j CNI-HOSTPORT-SETMARK
        -t nat -A CNI-DN-0123456789abcdef -p tcp --dport \(port) -j DNAT --to-destination 10.180.0.13:8080
        -t nat -A PREROUTING -m addrtype --dst-type LOCAL -j CNI-HOSTPORT-DNAT
        -t nat -A OUTPUT -m addrtype --dst-type LOCAL -j CNI-HOSTPORT-DNAT
        -t nat -A POSTROUTING -m comment --comment portmap -j CNI-HOSTPORT-MASQ
        """
    }

    static let kubelet = """
        -t mangle -N KUBE-KUBELET-CANARY
        -t mangle -N KUBE-IPTABLES-HINT
        -t nat -N KUBE-KUBELET-CANARY
        -t nat -N KUBE-MARK-DROP
        -t nat -N KUBE-MARK-MASQ
        -t nat -N KUBE-POSTROUTING
        -t nat -A KUBE-MARK-DROP -j MARK --set-xmark 0x8000/0x8000
        -t nat -A KUBE-MARK-MASQ -j MARK --set-xmark 0x4000/0x4000
        -t nat -A KUBE-POSTROUTING -m mark ! --mark 0x4000/0x4000 -j RETURN
        -t nat -A KUBE-POSTROUTING -j MARK --set-xmark 0x4000/0x0
        -t nat -A KUBE-POSTROUTING -j MASQUERADE --random-fully
        -t nat -A POSTROUTING -j KUBE-POSTROUTING
        -N KUBE-FIREWALL
        -A KUBE-FIREWALL ! -s 127.0.0.0/8 -d 127.0.0.0/8 -m conntrack ! --ctstate RELATED,ESTABLISHED,DNAT -j DROP
        -A KUBE-FIREWALL -m mark --mark 0x8000/0x8000 -j DROP
        -A INPUT -j KUBE-FIREWALL
        -A OUTPUT -j KUBE-FIREWALL
        """

    static let docker = """
        -P FORWARD DROP
        -N DOCKER
        -N DOCKER-USER
        -N DOCKER-ISOLATION-STAGE-1
        -N DOCKER-ISOLATION-STAGE-2
        -A DOCKER-ISOLATION-STAGE-1 -i docker0 ! -o docker0 -j DOCKER-ISOLATION-STAGE-2
        -A DOCKER-ISOLATION-STAGE-1 -j RETURN
        -A DOCKER-ISOLATION-STAGE-2 -o docker0 -j DROP
        -A DOCKER-ISOLATION-STAGE-2 -j RETURN
        -A DOCKER-USER -j RETURN
        -A DOCKER -d 172.17.0.2/32 ! -i docker0 -o docker0 -p tcp --dport 80 -j ACCEPT
        -A FORWARD -j DOCKER-USER
        -A FORWARD -j DOCKER-ISOLATION-STAGE-1
        -A FORWARD -o docker0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
        -A FORWARD -o docker0 -j DOCKER
        -A FORWARD -i docker0 ! -o docker0 -j ACCEPT
        -A FORWARD -i docker0 -o docker0 -j ACCEPT
        -t nat -N DOCKER
        -t nat -A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER
        -t nat -A OUTPUT ! -d 127.0.0.0/8 -m addrtype --dst-type LOCAL -j DOCKER
        -t nat -A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE
        -t nat -A DOCKER -i docker0 -j RETURN
        -t nat -A DOCKER ! -i docker0 -p tcp --dport 8099 -j DNAT --to-destination 172.17.0.2:80
        """

    /// What firewalld 1.3.3 makes with its defaults, without chains that are empty or only count for
    /// what the node itself sends and receives. Recorded from the program.
    static let firewalld = """
        table inet firewalld {
          chain filter_PREROUTING {
            type filter hook prerouting priority filter + 10; policy accept;
            icmpv6 type { nd-router-advert, nd-neighbor-solicit } accept
            meta nfproto ipv6 fib saddr . mark . iif oif missing drop
          }
          chain filter_INPUT {
            type filter hook input priority filter + 10; policy accept;
            ct state { established, related } accept
            ct status dnat accept
            iifname "lo" accept
            ct state invalid drop
            jump filter_INPUT_ZONES
            reject with icmpx admin-prohibited
          }
          chain filter_FORWARD {
            type filter hook forward priority filter + 10; policy accept;
            ct state { established, related } accept
            ct status dnat accept
            iifname "lo" accept
            ct state invalid drop
            ip6 daddr { ::/96, ::ffff:0.0.0.0/96, 2002::/24 } reject with icmpv6 addr-unreachable
            jump filter_FORWARD_ZONES
            reject with icmpx admin-prohibited
          }
          chain filter_INPUT_ZONES { goto filter_IN_public; }
          chain filter_FORWARD_ZONES { goto filter_FWD_public; }
          chain filter_IN_public {
            jump filter_IN_allow
            meta l4proto { icmp, ipv6-icmp } accept
            reject with icmpx admin-prohibited
          }
          chain filter_IN_allow {
            icmpv6 type nd-neighbor-advert accept
            icmpv6 type nd-neighbor-solicit accept
            tcp dport 22 accept
          }
          chain filter_FWD_public {
            jump filter_FORWARD_POLICIES_pre
            reject with icmpx admin-prohibited
          }
          chain filter_FWD_trusted {
            jump filter_FORWARD_POLICIES_pre
            accept
          }
          chain filter_FORWARD_POLICIES_pre { }
        }
        """

    /// firewalld 1.3.3's panic mode, all of it. Recorded from the program.
    static let firewalldPanic = """
        table inet firewalld_policy_drop {
          chain raw_prerouting { type filter hook prerouting priority raw + 9; policy drop; }
          chain raw_output { type filter hook output priority raw + 9; policy drop; }
        }
        """

    /// Stands in for firewall-cmd, which needs a running firewalld and its message bus: does to the
    /// rules what firewalld 1.3.3 was seen to do on each of the two commands, and nothing else.
    static let firewallCommand = """
        #!/bin/sh
        case "$*" in
        '--zone=trusted --add-interface=cni0')
            nft insert rule inet firewalld filter_FORWARD_ZONES iifname cni0 goto filter_FWD_trusted ;;
        '--permanent --zone=trusted --add-interface=cni0') ;;
        '--panic-off') nft delete table inet firewalld_policy_drop ;;
        *) echo "not recorded: $*" >&2; exit 1 ;;
        esac
        """

    static let hostRuleset = """
        table inet host {
          chain input {
            type filter hook input priority 0; policy drop;
            ct state established,related accept
            iif lo accept
            meta l4proto { icmp, ipv6-icmp } accept
            tcp dport 22 accept
          }
          chain forward {
            type filter hook forward priority 0; policy drop;
            ct state established,related accept
          }
        }
        """

    /// A filter of IPv6 that lets Services' connections pass, and no neighbour discovery.
    static let silentIPv6 = """
        -P FORWARD DROP
        -A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
        -A FORWARD -m conntrack --ctstate DNAT -j ACCEPT
        """

    static let silentRuleset = """
        table inet host {
          chain forward {
            type filter hook forward priority 0; policy drop;
            ct state established,related accept
            ct status dnat accept
            icmpv6 type { echo-request, echo-reply } accept
          }
        }
        """

    /// A table of nft's own, in the words of which iptables cannot read all.
    static func namesake(_ chain: String) -> String {
        """
        table ip filter {
          chain \(chain) {
            type filter hook forward priority 0; policy drop;
            ct state established,related accept
          }
        }
        """
    }
}
