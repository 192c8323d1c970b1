// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>

namespace test {

/// A folder for files, gone at the end.
class temporary_folder {
  public:
    temporary_folder() {
        auto pattern = (std::filesystem::temp_directory_path() / "millipede-XXXXXX").string();
        if (!::mkdtemp(pattern.data())) throw std::runtime_error{"mkdtemp failed"};
        path_ = pattern;
    }
    ~temporary_folder() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    temporary_folder(temporary_folder const&) = delete;
    temporary_folder& operator=(temporary_folder const&) = delete;

    std::string file(std::string const& name) const { return path_ + "/" + name; }
    std::string write(std::string const& name, std::string const& text) const {
        std::ofstream{file(name)} << text;
        return file(name);
    }

  private:
    std::string path_;
};

/// A certificate and its key, in files.
struct issued {
    std::string certificate_file;
    std::string key_file;
};

/// Issues certificates on P-256, for tests.
class certificate_authority {
  public:
    explicit certificate_authority(temporary_folder const& folder, std::string name = "ca")
        : folder_{&folder}, name_{std::move(name)}, key_{new_key()} {
        certificate_ = sign(name_, *key_);
        write_certificate(file());
    }

    /// The file of its own certificate.
    std::string file() const { return folder_->file(name_ + ".pem"); }

    /// For somebody of that name; overwrites what was issued under it before.
    issued issue(std::string const& name) const {
        auto key = new_key();
        auto certificate = sign(name, *key);
        issued files{folder_->file(name + ".pem"), folder_->file(name + ".key")};
        write(files.certificate_file,
              [&](FILE* file) { return PEM_write_X509(file, certificate.get()); });
        write(files.key_file, [&](FILE* file) {
            return PEM_write_PrivateKey(file, key.get(), nullptr, nullptr, 0, nullptr, nullptr);
        });
        return files;
    }

    /// The same key, for which a passphrase would be needed.
    static void encrypt(issued const& files, std::string passphrase) {
        auto* opened = std::fopen(files.key_file.c_str(), "r");
        key_pointer key{PEM_read_PrivateKey(opened, nullptr, nullptr, nullptr)};
        std::fclose(opened);
        write(files.key_file, [&](FILE* file) {
            auto* text = reinterpret_cast<unsigned char*>(passphrase.data());
            return PEM_write_PrivateKey(file, key.get(), EVP_aes_128_cbc(), text,
                                        static_cast<int>(passphrase.size()), nullptr, nullptr);
        });
    }

  private:
    struct free_key {
        void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
    };
    struct free_certificate {
        void operator()(X509* certificate) const { X509_free(certificate); }
    };
    using key_pointer = std::unique_ptr<EVP_PKEY, free_key>;
    using certificate_pointer = std::unique_ptr<X509, free_certificate>;

    static key_pointer new_key() {
        return key_pointer{EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256")};
    }

    // Its own when there is none yet.
    certificate_pointer sign(std::string const& subject, EVP_PKEY& key) const {
        static long serial = 0;
        certificate_pointer certificate{X509_new()};
        auto* raw = certificate.get();
        X509_set_version(raw, 2);
        ASN1_INTEGER_set(X509_get_serialNumber(raw), ++serial);
        X509_gmtime_adj(X509_getm_notBefore(raw), -3600);
        X509_gmtime_adj(X509_getm_notAfter(raw), 3600);
        X509_set_pubkey(raw, &key);
        auto const* text = reinterpret_cast<unsigned char const*>(subject.c_str());
        X509_NAME_add_entry_by_txt(X509_get_subject_name(raw), "CN", MBSTRING_ASC, text, -1, -1, 0);
        auto* issuer = certificate_ ? certificate_.get() : raw;
        X509_set_issuer_name(raw, X509_get_subject_name(issuer));
        auto const* constraint = certificate_ ? "CA:FALSE" : "critical,CA:TRUE";
        auto* extension = X509V3_EXT_conf_nid(nullptr, nullptr, NID_basic_constraints, constraint);
        X509_add_ext(raw, extension, -1);
        X509_EXTENSION_free(extension);
        if (X509_sign(raw, key_.get(), EVP_sha256()) == 0)
            throw std::runtime_error{"X509_sign failed"};
        return certificate;
    }

    template <class Write>
    static void write(std::string const& path, Write write) {
        auto* file = std::fopen(path.c_str(), "w");
        if (!file) throw std::runtime_error{"cannot write " + path};
        bool written = write(file) == 1;
        std::fclose(file);
        if (!written) throw std::runtime_error{"cannot write " + path};
    }
    void write_certificate(std::string const& path) const {
        write(path, [&](FILE* file) { return PEM_write_X509(file, certificate_.get()); });
    }

    temporary_folder const* folder_;
    std::string name_;
    key_pointer key_;
    certificate_pointer certificate_;
};

} // namespace test
