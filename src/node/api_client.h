#pragma once

// Asks a running node over its API: what the commands that name a node by --to do.
//
// Security: the key goes nowhere but to a server whose certificate was verified, by the given
// authority or the machine's, for the name or address in the URL; in the clear only to this
// machine itself.

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "node/print.h"

namespace fuqi::node {

struct ApiAccess {
  std::string url;        // "https://bank.example:8443"
  std::string key_file;   // holds the API key and nothing else
  std::string authority;  // PEM file of who vouches for the server; empty: the machine's
};

class ApiClient {
 public:
  // kUsage: the URL; kConfig: key or authority.
  static Result<ApiClient> Open(const ApiAccess& access, Language language);

  // The JSON of an answer of status 200, which must be what `is_ours` knows. What the node refuses
  // is an error with its title and detail in the user's language: kUnauthenticated (401),
  // kPermissionDenied (403), kNotFound (404), kConflict (409), kInvalidArgument (422 and others),
  // kUnavailable (429, 503). kIo: no connection, no answer in 30 s, or a certificate that does not
  // verify. kUnsupported: another program answered, or another version of this one.
  using Shape = bool (*)(const OrderedJson& answer);
  Result<OrderedJson> Get(std::string_view path, Shape is_ours) const {
    return Ask("GET", path, "", is_ours);
  }
  Result<OrderedJson> Post(std::string_view path, const OrderedJson& body, Shape is_ours) const {
    return Ask("POST", path, body.dump(), is_ours);
  }

 private:
  ApiClient() = default;
  Result<OrderedJson> Ask(std::string_view method, std::string_view path, const std::string& body,
                          Shape is_ours) const;

  Language language_ = Language::kEnglish;
  bool tls_ = true;
  std::string host_;
  std::string port_;
  std::string key_;
  std::string authority_;
};

}  // namespace fuqi::node
